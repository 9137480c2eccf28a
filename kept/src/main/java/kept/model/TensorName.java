package kept.model;

import java.util.Optional;

/**
 * Identifies a tensor of a decoder, and converts to and from its name in checkpoints; no other class reads or writes such a name.
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
        int from = TensorRole.LAYERS.length();
        int end = from;
        while (end < name.length() && name.charAt(end) >= '0' && name.charAt(end) <= '9') {
            end++;
        }
        boolean isNumber = end > from && end - from <= MAX_DIGITS && (name.charAt(from) != '0' || end - from == 1);
        if (!isNumber || end == name.length() || name.charAt(end) != '.') {
            return Optional.empty();
        }
        int layer = Integer.parseInt(name, from, end, 10);
        return TensorRole.insideLayer(name.substring(end + 1)).map(role -> new TensorName(role, layer));
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

    /** The name in checkpoints. */
    @Override
    public String toString() {
        return module() + role.ending();
    }
}
