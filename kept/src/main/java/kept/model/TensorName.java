package kept.model;

import java.util.Map;
import java.util.Optional;

/**
 * Identifies a tensor of a decoder, and converts to and from its name in checkpoints; no other class reads or writes such a name. The names are
 * Llama's; {@link Architecture#name} has those of an architecture.
 *
 * @param role its role
 * @param layer which layer's, from 0; {@link #NO_LAYER} for what is in none
 */
public record TensorName(TensorRole role, int layer) {
    /** The layer of embedding, final norm and head. */
    public static final int NO_LAYER = -1;

    private static final int MAX_DIGITS = 9;

    /**
     * Checks that the layer fits the role.
     *
     * @throws IllegalArgumentException if a layer's tensor has no layer, or one that is outside of the layers has
     */
    public TensorName {
        if (role.isInLayer() ? layer < 0 : layer != NO_LAYER) {
            throw new IllegalArgumentException("[model] there is no %s of layer %d".formatted(role, layer));
        }
    }

    /**
     * The tensor of a role that is in no layer.
     *
     * @param role embedding, final norm or head
     * @return its name
     */
    public static TensorName of(TensorRole role) {
        return new TensorName(role, NO_LAYER);
    }

    /**
     * Reads a name.
     *
     * @param name as checkpoints have it, such as {@code model.layers.0.self_attn.q_proj.weight}
     * @return the role and the layer; nothing if no decoder has a tensor of that name
     */
    public static Optional<TensorName> parse(String name) {
        if (!name.startsWith(TensorRole.LAYERS)) {
            return TensorRole.outsideLayers(name).map(TensorName::of);
        }
        int layer = layerOf(name);
        if (layer == NO_LAYER) {
            return Optional.empty();
        }
        return TensorRole.insideLayer(name.substring(name.indexOf('.', TensorRole.LAYERS.length()) + 1)).map(role -> new TensorName(role, layer));
    }

    /**
     * The layer that a name has, of any tensor of an architecture.
     *
     * @param name such as {@code model.layers.0.mlp.c_fc.weight}
     * @return from 0; {@link #NO_LAYER} for what is in none
     */
    static int layerOf(String name) {
        if (!name.startsWith(TensorRole.LAYERS)) {
            return NO_LAYER;
        }
        int from = TensorRole.LAYERS.length();
        int end = from;
        while (end < name.length() && name.charAt(end) >= '0' && name.charAt(end) <= '9') {
            end++;
        }
        boolean isNumber = end > from && end - from <= MAX_DIGITS && (name.charAt(from) != '0' || end - from == 1);
        return isNumber && end < name.length() && name.charAt(end) == '.' ? Integer.parseInt(name, from, end, 10) : NO_LAYER;
    }

    /**
     * A layer's name.
     *
     * @param layer from 0
     * @return such as {@code model.layers.0}
     */
    public static String ofLayer(int layer) {
        return TensorRole.LAYERS + layer;
    }

    /**
     * The name of the tensor's module.
     *
     * @return such as {@code model.layers.0.self_attn.q_proj}
     */
    public String module() {
        return role.module(layer);
    }

    /**
     * Another tensor of the same layer.
     *
     * @param other its role; embedding, final norm and head are the model's
     * @return its name
     * @throws IllegalArgumentException if the other is a layer's and this one is in none
     */
    public TensorName beside(TensorRole other) {
        return new TensorName(other, other.isInLayer() ? layer : NO_LAYER);
    }

    /**
     * The norm whose output the tensor's module reads.
     *
     * @return the name of the norm's weight
     * @throws java.util.NoSuchElementException if it reads no norm
     */
    public TensorName norm() {
        return beside(role.norm().orElseThrow());
    }

    /**
     * The name of the tensor's module in an architecture that names some modules of a layer otherwise.
     *
     * @param modules these modules, such as {@code mlp.c_fc}, by the role of their weights
     */
    String module(Map<TensorRole, String> modules) {
        String own = modules.get(role.weight());
        return own == null ? module() : ofLayer(layer) + "." + own;
    }

    /** Reads a name of such an architecture. */
    static Optional<TensorName> parse(String name, Map<TensorRole, String> modules) {
        for (Map.Entry<TensorRole, String> own : modules.entrySet()) {
            int end = name.lastIndexOf('.');
            if (end > 0 && name.substring(0, end).endsWith("." + own.getValue())) {
                String layer = name.substring(0, end - own.getValue().length());
                return parse(layer + own.getKey().moduleInLayer() + name.substring(end));
            }
        }
        return parse(name);
    }

    /** The name in checkpoints of Llama. */
    @Override
    public String toString() {
        return module() + role.ending();
    }
}
