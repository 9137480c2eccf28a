package kept.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import kept.autograd.Autograd;
import kept.nn.KeyValues;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The rotated keys and the values of all tokens processed so far, one pair per layer: {@code [batch, capacity, heads, headDimension]}, filled from
 * the start, so that generating a token costs the work of one token. Owns its memory until closed.
 */
public final class KeyValueCache implements AutoCloseable {
    private final DecoderConfig config;
    private final long batch;
    private final Device device;
    /** The type of keys and values; null for that of the first keys. */
    private final DType dtype;
    private final List<Layer> layers = new ArrayList<>();
    private Scope scope;
    private long capacity;

    /**
     * Creates an empty cache.
     *
     * @param config the model's sizes
     * @param batch the number of sequences
     * @param capacity the maximum length of a sequence, prompt and answer together
     * @param device the model's device
     */
    public KeyValueCache(DecoderConfig config, long batch, long capacity, Device device) {
        this(config, batch, capacity, device, null);
    }

    /**
     * Creates an empty cache whose keys and values are rounded to a type. A cache in BF16 has half the size of one in F32, and attention reads its
     * numbers without loss.
     *
     * @param config the model's sizes
     * @param batch the number of sequences
     * @param capacity the maximum length of a sequence, prompt and answer together
     * @param device the model's device
     * @param dtype BF16, or the dtype of the model's activations; null for the latter
     */
    public KeyValueCache(DecoderConfig config, long batch, long capacity, Device device, DType dtype) {
        this.config = config;
        this.dtype = dtype;
        this.batch = batch;
        this.device = device;
        this.capacity = capacity;
        scope = Scope.detached(device);
        for (int i = 0; i < config.layers(); i++) {
            layers.add(new Layer());
        }
    }

    private Tensor empty(DType type) {
        return scope.run(() -> Tensor.full(0, type, Shape.of(batch, capacity, config.keyValueHeads(), config.headDimension())));
    }

    /**
     * Increases the capacity and keeps the contents.
     *
     * @param wanted the new capacity; ignored if not larger than the current one
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
     * The number of tokens in the cache.
     *
     * @return the length of each sequence so far
     */
    public long length() {
        return layers.getLast().length;
    }

    /**
     * Removes tokens from the end.
     *
     * @param length how many tokens to keep
     * @throws ShapeException if the cache has fewer tokens
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
        /** Allocated with the first keys; null before. */
        private Tensor keys;
        private Tensor values;
        private long length;

        /** Copies the contents to larger memory. */
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
            Extension extension = append(k.size(1), typeFor(k.dtype()));
            extension.places().keys().assign(k);
            extension.places().values().assign(v);
            return extension.all();
        }

        @Override
        public Optional<Extension> extend(long positions, DType type) {
            return typeFor(type) == type ? Optional.of(append(positions, type)) : Optional.empty();
        }

        /** The type in which keys of a type are kept. */
        private DType typeFor(DType type) {
            return keys != null ? keys.dtype() : dtype != null ? dtype : type;
        }

        private Extension append(long positions, DType type) {
            long begin = length;
            long end = begin + positions;
            if (end > capacity) {
                throw new ShapeException("[cache] %d tokens exceed the capacity of %d".formatted(end, capacity));
            }
            if (keys == null) {
                keys = empty(type);
                values = empty(type);
            }
            length = end;
            return new Extension(new Pair(keys.slice(1, begin, end), values.slice(1, begin, end)),
                    new Pair(keys.slice(1, 0, end), values.slice(1, 0, end)));
        }
    }
}
