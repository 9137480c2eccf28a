package kept.nn;

import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * Random initialisation of weights, with the names of {@code torch.nn.init}. Each method overwrites its tensor; element i depends only on seed,
 * stream and i. A weight has the shape {@code [outputs, inputs, kernel...]}: its <em>fan-in</em> is inputs times kernel, its <em>fan-out</em> outputs
 * times kernel.
 */
public final class Init {
    private Init() {}

    /**
     * Initialises uniformly between two bounds.
     *
     * @param weight floating
     * @param low the lower bound
     * @param high the upper bound
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor uniform(Tensor weight, double low, double high, long seed, long stream) {
        check("uniform", weight);
        return weight.assign(Tensor.uniform(seed, stream, weight.shape().toArray()).reshape(weight.shape()).mul(high - low).add(low));
    }

    /**
     * Normal.
     *
     * @param weight floating
     * @param mean the mean
     * @param deviation the standard deviation
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor normal(Tensor weight, double mean, double deviation, long seed, long stream) {
        check("normal", weight);
        return weight.assign(Tensor.normal(seed, stream, weight.shape().toArray()).reshape(weight.shape()).mul(deviation).add(mean));
    }

    /**
     * Uniform with the variance {@code 2 gain^2 / (fan-in + fan-out)} (Glorot and Bengio 2010).
     *
     * @param weight floating, of two axes or more
     * @param gain the gain of the activation that follows; 1 for none
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws ShapeException if it has fewer than two axes
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor xavierUniform(Tensor weight, double gain, long seed, long stream) {
        double bound = Math.sqrt(3) * xavier("xavierUniform", weight, gain);
        return uniform(weight, -bound, bound, seed, stream);
    }

    /**
     * Normal with the variance {@code 2 gain^2 / (fan-in + fan-out)} (Glorot and Bengio 2010).
     *
     * @param weight floating, of two axes or more
     * @param gain the gain of the activation that follows; 1 for none
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws ShapeException if it has fewer than two axes
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor xavierNormal(Tensor weight, double gain, long seed, long stream) {
        return normal(weight, 0, xavier("xavierNormal", weight, gain), seed, stream);
    }

    /**
     * Uniform with the variance {@code 2 / ((1 + slope^2) fan-in)} (He and others 2015, arXiv 1502.01852).
     *
     * @param weight floating, of two axes or more
     * @param slope the negative slope of the leaky ReLU that follows; 0 for a ReLU, sqrt(5) for the default of PyTorch's linear layers and
     *     convolutions
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws ShapeException if it has fewer than two axes
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor kaimingUniform(Tensor weight, double slope, long seed, long stream) {
        double bound = Math.sqrt(3) * kaiming("kaimingUniform", weight, slope);
        return uniform(weight, -bound, bound, seed, stream);
    }

    /**
     * Normal with the variance {@code 2 / ((1 + slope^2) fan-in)} (He and others 2015, arXiv 1502.01852).
     *
     * @param weight floating, of two axes or more
     * @param slope the negative slope of the leaky ReLU that follows; 0 for a ReLU
     * @param seed the generator's key
     * @param stream the random stream of the seed; use another one for each tensor
     * @return the weight
     * @throws ShapeException if it has fewer than two axes
     * @throws DTypeException if it is of an integer type
     */
    public static Tensor kaimingNormal(Tensor weight, double slope, long seed, long stream) {
        return normal(weight, 0, kaiming("kaimingNormal", weight, slope), seed, stream);
    }

    private static double xavier(String name, Tensor weight, double gain) {
        long kernel = kernel(name, weight);
        return gain * Math.sqrt(2.0 / (kernel * (weight.size(0) + weight.size(1))));
    }

    private static double kaiming(String name, Tensor weight, double slope) {
        return Math.sqrt(2 / ((1 + slope * slope) * kernel(name, weight) * weight.size(1)));
    }

    private static long kernel(String name, Tensor weight) {
        check(name, weight);
        if (weight.rank() < 2 || weight.elementCount() == 0) {
            throw new ShapeException("[%s] needs a non-empty weight of at least two axes, not %s".formatted(name, weight.shape()));
        }
        return weight.elementCount() / weight.size(0) / weight.size(1);
    }

    private static void check(String name, Tensor weight) {
        Arguments.usable(name, weight);
        if (!weight.dtype().isFloating()) {
            throw new DTypeException("[%s] needs a floating weight, not %s".formatted(name, weight.dtype().label()));
        }
    }
}
