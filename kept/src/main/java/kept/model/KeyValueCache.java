package kept.model;

import java.util.ArrayList;
import java.util.List;
import kept.nn.KeyValues;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The rotated keys and the values of all tokens a decoder has seen, one pair for each layer: {@code [batch, capacity, heads, headDimension]}, filled
 * from the front, so that generating a token costs one token's work. Owns its memory until closed.
 */
public final class KeyValueCache implements AutoCloseable {
    private final Scope scope;
    private final List<Layer> layers = new ArrayList<>();
    private final long capacity;

    /**
     * An empty cache.
     *
     * @param config the model's sizes
     * @param batch sequences side by side
     * @param capacity the most tokens of a sequence, prompt and answer together
     * @param device the model's device
     */
    public KeyValueCache(DecoderConfig config, long batch, long capacity, Device device) {
        this.scope = Scope.detached(device);
        this.capacity = capacity;
        scope.run(() -> {
            for (int i = 0; i < config.layers(); i++) {
                layers.add(new Layer(
                        Tensor.zeros(batch, capacity, config.keyValueHeads(), config.headDimension()),
                        Tensor.zeros(batch, capacity, config.keyValueHeads(), config.headDimension())));
            }
            return null;
        });
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
        private final Tensor keys;
        private final Tensor values;
        private long length;

        Layer(Tensor keys, Tensor values) {
            this.keys = keys;
            this.values = values;
        }

        @Override
        public Pair extend(Tensor k, Tensor v) {
            long end = length + k.size(1);
            if (end > capacity) {
                throw new ShapeException("[cache] %d tokens exceed the capacity of %d".formatted(end, capacity));
            }
            keys.slice(1, length, end).assign(k);
            values.slice(1, length, end).assign(v);
            length = end;
            return new Pair(keys.slice(1, 0, end), values.slice(1, 0, end));
        }
    }
}
