package kept.model;

import kept.autograd.Autograd;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Random initialisation: matrices are normal with the configuration's standard deviation, divided by {@code sqrt(2 layers)} for the two that write to
 * the residual stream of each layer (Radford et al. 2019); norm weights are one, biases zero. Each tensor's values depend only on the seed and
 * its name.
 */
public final class RandomWeights implements Weights {
    private final DecoderConfig config;
    private final long seed;
    private final DType dtype;

    /**
     * Creates an initialisation in F32.
     *
     * @param config provides the standard deviation and the number of layers
     * @param seed the random seed
     */
    public RandomWeights(DecoderConfig config, long seed) {
        this(config, seed, DType.F32);
    }

    /**
     * Creates an initialisation in a dtype.
     *
     * @param config provides the standard deviation and the number of layers
     * @param seed the random seed
     * @param dtype the dtype the weights are rounded to
     */
    public RandomWeights(DecoderConfig config, long seed, DType dtype) {
        this.config = config;
        this.seed = seed;
        this.dtype = dtype;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if no decoder has a parameter of that name
     */
    @Override
    public Tensor get(String name, Shape shape) {
        TensorRole role = config.architecture().parse(name).orElseThrow(
                () -> new IllegalArgumentException("[random weights] no decoder has a parameter '%s'".formatted(name))).role();
        if (role.isBias()) {
            return Tensor.full(0, dtype, shape);
        }
        if (role.isNorm()) {
            // A gain of one.
            return Tensor.full(config.architecture().norm() == NormKind.LAYER_AROUND_ONE ? 0 : 1, dtype, shape);
        }
        double deviation = role.writesToStream() ? config.initializerRange() / Math.sqrt(2.0 * config.layers()) : config.initializerRange();
        try (var scope = Scope.open()) {
            return scope.keep(Autograd.withoutRecording(() -> Tensor.normal(seed, stream(name), shape.toArray()).mul(deviation).cast(dtype)));
        }
    }

    /** A 64-bit FNV-1a hash of the name. */
    static long stream(String name) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < name.length(); i++) {
            hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }
}
