package kept.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import kept.autograd.Autograd;
import kept.autograd.operation.CausalAttention;
import kept.autograd.operation.RotaryPositions;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Causal self-attention with rotary positions and grouped queries (Ainslie et al. 2023, arXiv 2305.13245): {@code heads / keyValueHeads} query heads
 * share one key and value head. Submodules: {@code q_proj}, {@code k_proj}, {@code v_proj}, {@code o_proj}.
 */
public final class Attention extends Layer {
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear output;
    private final int heads;
    private final int keyValueHeads;
    private final int headDimension;

    /**
     * Creates the layer from its four projections. D is the head dimension.
     *
     * @param query hidden to {@code heads * D}
     * @param key hidden to {@code keyValueHeads * D}
     * @param value hidden to {@code keyValueHeads * D}
     * @param output {@code heads * D} to hidden
     * @param heads the number of query heads
     * @param keyValueHeads the number of key and value heads; divides {@code heads}
     * @param headDimension D
     * @throws TensorException if {@code keyValueHeads} does not divide {@code heads}, or there is no head or no feature
     * @throws ShapeException if the features of a projection are not its heads times D
     */
    public Attention(Linear query, Linear key, Linear value, Linear output, int heads, int keyValueHeads, int headDimension) {
        if (heads < 1 || headDimension < 1) {
            throw new TensorException("[attention] needs at least one head of one feature, not %d of %d".formatted(heads, headDimension));
        }
        if (keyValueHeads < 1 || heads % keyValueHeads != 0) {
            throw new TensorException("[attention] %d key-value heads do not divide %d heads".formatted(keyValueHeads, heads));
        }
        checkFeatures("q_proj", query, (long) heads * headDimension);
        checkFeatures("k_proj", key, (long) keyValueHeads * headDimension);
        checkFeatures("v_proj", value, (long) keyValueHeads * headDimension);
        if (Arguments.present("attention", "o_proj", output).shape().size(1) != (long) heads * headDimension) {
            throw new ShapeException("[attention] o_proj has %d input features; heads times head dimension is %d"
                    .formatted(output.shape().size(1), (long) heads * headDimension));
        }
        this.query = register("q_proj", query);
        this.key = register("k_proj", key);
        this.value = register("v_proj", value);
        this.output = register("o_proj", output);
        this.heads = heads;
        this.keyValueHeads = keyValueHeads;
        this.headDimension = headDimension;
    }

    private static void checkFeatures(String name, Linear map, long features) {
        if (Arguments.present("attention", name, map).shape().size(0) != features) {
            throw new ShapeException("[attention] %s has %d output features; heads times head dimension is %d"
                    .formatted(name, map.shape().size(0), features));
        }
    }

    /**
     * The projections of the layer's input.
     *
     * @return queries, keys, values
     */
    public List<Linear> inputProjections() {
        return List.of(query, key, value);
    }

    /**
     * The projection to the layer's output.
     *
     * @return output
     */
    public Linear writer() {
        return output;
    }

    /**
     * Computes causal attention: every position attends to itself and to those before it.
     *
     * @param x {@code [batch, sequence, hidden]}
     * @param angles cosines and sines of these positions, {@code [sequence, R / 2]}, of which R features of each head are rotated, the first ones;
     *     at most D
     * @param past the cached keys and values of earlier positions, to which this call appends; null if x starts the sequence and no cache is needed
     * @return {@code [batch, sequence, hidden]}
     * @throws ShapeException if a shape does not match the layer
     */
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, KeyValues past) {
        check(x, angles);
        long batch = x.size(0);
        long sequence = x.size(1);
        List<Tensor> projected = Linear.forwardEach(x, inputProjections());
        Tensor q = projected.get(0).reshape(batch, sequence, heads, headDimension);
        Tensor k = projected.get(1).reshape(batch, sequence, keyValueHeads, headDimension);
        Tensor v = projected.get(2).reshape(batch, sequence, keyValueHeads, headDimension);
        Tensor read = past == null ? read(rotate(q, angles), new KeyValues.Pair(rotate(k, angles), v)) : read(q, k, v, angles, past);
        return output.forward(read.reshape(batch, sequence, (long) heads * headDimension));
    }

    /**
     * Computes one decoding step for several sequences of any lengths: the next position of each attends to its own sequence. The projections process
     * all sequences in one matrix product; attention runs separately for each.
     *
     * @param x {@code [sequences, 1, hidden]}
     * @param angles cosines and sines of each sequence's position, {@code [sequences, R / 2]}
     * @param pasts the cached keys and values of each sequence, to which this call appends
     * @return {@code [sequences, 1, hidden]}
     * @throws ShapeException if a shape does not match the layer
     */
    public Tensor next(Tensor x, RotaryEmbedding.Angles angles, List<KeyValues> pasts) {
        check(x, angles);
        int sequences = Arguments.present("attention", "the list of pasts", pasts).size();
        if (x.size(0) != sequences || x.size(1) != 1) {
            throw new ShapeException("[attention] %s is not one position of each of %d sequences".formatted(x.shape(), sequences));
        }
        List<Tensor> projected = Linear.forwardEach(x, inputProjections());
        Tensor q = projected.get(0).reshape(1, sequences, heads, headDimension);
        Tensor k = projected.get(1).reshape(1, sequences, keyValueHeads, headDimension);
        Tensor v = projected.get(2).reshape(1, sequences, keyValueHeads, headDimension);
        Tensor all = sequences == 1 ? read(q, k, v, angles, pasts.getFirst())
                : Autograd.isRecording() ? readRecorded(q, k, v, angles, pasts) : readEach(q, k, v, angles, pasts);
        return output.forward(all.reshape(sequences, 1, (long) heads * headDimension));
    }

    private Tensor readRecorded(Tensor q, Tensor k, Tensor v, RotaryEmbedding.Angles angles, List<KeyValues> pasts) {
        var read = new Tensor[pasts.size()];
        for (int i = 0; i < read.length; i++) {
            read[i] = read(q.slice(1, i, i + 1), k.slice(1, i, i + 1), v.slice(1, i, i + 1), angles.position(i), pasts.get(i));
        }
        return Tensor.concat(0, read);
    }

    /** One position of each sequence, in as few kernels as the device has for several caches. */
    private Tensor readEach(Tensor q, Tensor k, Tensor v, RotaryEmbedding.Angles angles, List<KeyValues> pasts) {
        List<Optional<KeyValues.Extension>> extensions = pasts.stream().map(past -> past.extend(1, k.dtype())).toList();
        List<KeyValues.Pair> all;
        if (isWhole(q, angles) && extensions.stream().allMatch(Optional::isPresent)) {
            List<KeyValues.Pair> places = extensions.stream().map(extension -> extension.get().places()).toList();
            RotaryPositions.applyAndAppendToEach(q, k, v, angles.cos(), angles.sin(), places.stream().map(KeyValues.Pair::keys).toList(),
                    places.stream().map(KeyValues.Pair::values).toList());
            all = extensions.stream().map(extension -> extension.get().all()).toList();
        } else {
            all = new ArrayList<>();
            for (int i = 0; i < pasts.size(); i++) {
                all.add(append(q.slice(1, i, i + 1), k.slice(1, i, i + 1), v.slice(1, i, i + 1), angles.position(i), pasts.get(i),
                        extensions.get(i)));
            }
        }
        return CausalAttention.applyToEach(q.reshape(pasts.size(), 1, heads, headDimension), all.stream().map(KeyValues.Pair::keys).toList(),
                all.stream().map(KeyValues.Pair::values).toList(), 1 / Math.sqrt(headDimension));
    }

    private Tensor read(Tensor q, KeyValues.Pair all) {
        return Functional.scaledDotProductAttention(q, all.keys(), all.values(), true, 1 / Math.sqrt(headDimension));
    }

    /** Rotates queries and keys, appends keys and values to a cache, and attends to all of it. */
    private Tensor read(Tensor q, Tensor k, Tensor v, RotaryEmbedding.Angles angles, KeyValues past) {
        if (Autograd.isRecording()) {
            return read(rotate(q, angles), past.extend(rotate(k, angles), v));
        }
        return read(q, append(q, k, v, angles, past, past.extend(k.size(1), k.dtype())));
    }

    /** Rotates queries in place and keys, and appends keys and values to a cache: to the places that it has given for them, if any. */
    private static KeyValues.Pair append(
            Tensor q, Tensor k, Tensor v, RotaryEmbedding.Angles angles, KeyValues past, Optional<KeyValues.Extension> extension) {
        if (extension.isEmpty()) {
            // In place, because the features of a projection's result have unit stride.
            rotate(q, angles);
            return past.extend(rotate(k, angles), v);
        }
        KeyValues.Pair places = extension.get().places();
        if (isWhole(q, angles)) {
            RotaryPositions.applyAndAppend(q, k, v, angles.cos(), angles.sin(), places.keys(), places.values());
        } else {
            rotate(q, angles);
            places.keys().assign(rotate(k, angles));
            places.values().assign(v);
        }
        return extension.get().all();
    }

    private static void check(Tensor x, RotaryEmbedding.Angles angles) {
        Arguments.present("attention", "angles", angles);
        Arguments.usable("attention", x);
        if (x.rank() != 3) {
            throw new ShapeException("[attention] needs [batch, sequence, hidden], not " + x.shape());
        }
    }

    /** Whether all features of a head are rotated. */
    private static boolean isWhole(Tensor x, RotaryEmbedding.Angles angles) {
        return 2 * angles.cos().size(1) >= x.size(3);
    }

    /** Rotates queries or keys, unless a gradient needs them in place; nothing else uses the projection's result. */
    private static Tensor rotate(Tensor x, RotaryEmbedding.Angles angles) {
        if (isWhole(x, angles)) {
            return RotaryPositions.applyInPlace(x, angles.cos(), angles.sin());
        }
        long rotated = 2 * angles.cos().size(1);
        Tensor part = RotaryPositions.apply(x.slice(3, 0, rotated), angles.cos(), angles.sin());
        if (Autograd.isRecording()) {
            return Tensor.concat(3, part, x.slice(3, rotated, x.size(3)));
        }
        x.slice(3, 0, rotated).assign(part);
        return x;
    }
}
