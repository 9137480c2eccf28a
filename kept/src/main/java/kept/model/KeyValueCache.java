package kept.model;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.nn.KeyValues;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The rotated keys and the values of all tokens a decoder has seen, one pair for each layer: {@code [batch, capacity, heads, headDimension]}, filled
 * from the front, so that generating a token costs one token's work. Owns its memory until closed.
 */
public final class KeyValueCache implements AutoCloseable {
    private final DecoderConfig config;
    private final long batch;
    private final Device device;
    private final List<Layer> layers = new ArrayList<>();
    private Scope scope;
    private long capacity;

    /**
     * An empty cache.
     *
     * @param config the model's sizes
     * @param batch sequences side by side
     * @param capacity the most tokens of a sequence, prompt and answer together
     * @param device the model's device
     */
    public KeyValueCache(DecoderConfig config, long batch, long capacity, Device device) {
        this.config = config;
        this.batch = batch;
        this.device = device;
        this.capacity = capacity;
        scope = Scope.detached(device);
        for (int i = 0; i < config.layers(); i++) {
            layers.add(new Layer());
        }
    }

    private Tensor empty(DType dtype) {
        return scope.run(() -> Tensor.full(0, dtype, Shape.of(batch, capacity, config.keyValueHeads(), config.headDimension())));
    }

    /**
     * Makes room for more tokens, keeping those seen.
     *
     * @param wanted the most tokens of a sequence from now on; nothing happens where there is room for as many
     */
    public void reserve(long wanted) {
        if (wanted <= capacity) {
            return;
        }
        Scope before = scope;
        scope = Scope.detached(device);
        capacity = wanted;
        layers.forEach(Layer::move);
        before.close();
    }

    /**
     * The number of tokens seen.
     *
     * @return the length of each sequence so far
     */
    public long length() {
        return layers.getLast().length;
    }

    /**
     * Forgets the last tokens, so that others may follow the first ones.
     *
     * @param length how many tokens to keep
     * @throws ShapeException if there are not as many
     */
    public void truncate(long length) {
        if (length < 0 || length > length()) {
            throw new ShapeException("[cache] there are %d tokens, of which not %d can be kept".formatted(length(), length));
        }
        layers.forEach(layer -> layer.length = length);
    }

    KeyValues layer(int index) {
        return layers.get(index);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        scope.close();
    }

    private final class Layer implements KeyValues {
        /** Of the type that the layer's keys have, so made when the first come; null before. */
        private Tensor keys;
        private Tensor values;
        private long length;

        /** Copies what has been seen to where there is room for more. */
        void move() {
            if (keys != null) {
                keys = moved(keys);
                values = moved(values);
            }
        }

        private Tensor moved(Tensor from) {
            Tensor to = empty(from.dtype());
            if (length > 0) {
                Autograd.withoutRecording(() -> {
                    try (var _ = Scope.open(device)) {
                        return to.slice(1, 0, length).assign(from.slice(1, 0, length));
                    }
                });
            }
            return to;
        }

        @Override
        public Pair extend(Tensor k, Tensor v) {
            long end = length + k.size(1);
            if (end > capacity) {
                throw new ShapeException("[cache] %d tokens exceed the capacity of %d".formatted(end, capacity));
            }
            if (keys == null) {
                keys = empty(k.dtype());
                values = empty(v.dtype());
            }
            keys.slice(1, length, end).assign(k);
            values.slice(1, length, end).assign(v);
            length = end;
            return new Pair(keys.slice(1, 0, end), values.slice(1, 0, end));
        }
    }
}
