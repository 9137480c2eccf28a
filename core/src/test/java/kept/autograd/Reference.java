package kept.autograd;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/** A plain array of float64 with a shape: what tests compute expected values with. Row-major, no views, no cleverness. */
public record Reference(double[] values, int... shape) {
    public static Reference of(double[] values, int... shape) {
        if (values.length != count(shape)) {
            throw new IllegalArgumentException(values.length + " values for " + Arrays.toString(shape));
        }
        return new Reference(values, shape);
    }

    /** The value at each index. */
    public static Reference generate(int[] shape, ToDoubleFunction<int[]> value) {
        double[] values = new double[count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = value.applyAsDouble(index(i, shape));
        }
        return new Reference(values, shape);
    }

    /** Numbers that float32 holds exactly, normal with mean 0 and deviation 1. */
    public static Reference normal(long seed, int... shape) {
        var random = new SplittableRandom(seed);
        return generate(shape, _ -> (float) random.nextGaussian());
    }

    /** Numbers that float32 holds exactly, uniform between bounds. */
    public static Reference uniform(long seed, double low, double high, int... shape) {
        var random = new SplittableRandom(seed);
        return generate(shape, _ -> (float) random.nextDouble(low, high));
    }

    public double at(int... index) {
        return values[position(index, shape)];
    }

    public Reference map(DoubleUnaryOperator f) {
        return new Reference(Arrays.stream(values).map(f).toArray(), shape);
    }

    /** Combines with another array, both broadcast. */
    public Reference zip(Reference other, DoubleBinaryOperator f) {
        int rank = Math.max(shape.length, other.shape.length);
        int[] common = new int[rank];
        for (int i = 1; i <= rank; i++) {
            common[rank - i] = Math.max(extent(shape, i), extent(other.shape, i));
        }
        return generate(common, index -> f.applyAsDouble(broadcastAt(index), other.broadcastAt(index)));
    }

    /** The value that a larger index sees when this is broadcast. */
    public double broadcastAt(int... index) {
        int[] own = new int[shape.length];
        for (int i = 1; i <= own.length; i++) {
            own[own.length - i] = extent(shape, i) == 1 ? 0 : index[index.length - i];
        }
        return at(own);
    }

    /** Axis i of the result is axis {@code axes[i]} of this. */
    public Reference permute(int... axes) {
        int[] permuted = Arrays.stream(axes).map(axis -> shape[axis]).toArray();
        return generate(permuted, index -> {
            int[] own = new int[index.length];
            for (int i = 0; i < index.length; i++) {
                own[axes[i]] = index[i];
            }
            return at(own);
        });
    }

    /** Reduces some axes, which stay with extent 1; the function gets the values in row-major order. */
    public Reference reduce(ToDoubleFunction<double[]> f, int... axes) {
        int[] kept = shape.clone();
        for (int axis : axes) {
            kept[axis] = 1;
        }
        var groups = Stream.generate(DoubleStream::builder).limit(count(kept)).toList();
        for (int i = 0; i < values.length; i++) {
            int[] index = index(i, shape);
            for (int axis : axes) {
                index[axis] = 0;
            }
            groups.get(position(index, kept)).add(values[i]);
        }
        return of(groups.stream().map(DoubleStream.Builder::build).mapToDouble(group -> f.applyAsDouble(group.toArray())).toArray(), kept);
    }

    public Reference reshape(int... newShape) {
        return of(values, newShape);
    }

    public double dot(Reference other) {
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            sum += values[i] * other.values[i];
        }
        return sum;
    }

    public float[] floats() {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    public long[] dimensions() {
        return Arrays.stream(shape).asLongStream().toArray();
    }

    private static int extent(int[] shape, int fromEnd) {
        return fromEnd <= shape.length ? shape[shape.length - fromEnd] : 1;
    }

    private static int count(int... shape) {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    private static int position(int[] index, int[] shape) {
        int position = 0;
        for (int axis = 0; axis < shape.length; axis++) {
            if (index[axis] < 0 || index[axis] >= shape[axis]) {
                throw new IllegalArgumentException("no element at " + Arrays.toString(index) + " of " + Arrays.toString(shape));
            }
            position = position * shape[axis] + index[axis];
        }
        return position;
    }

    private static int[] index(int position, int[] shape) {
        int[] index = new int[shape.length];
        for (int axis = shape.length - 1, left = position; axis >= 0; left /= shape[axis--]) {
            index[axis] = left % shape[axis];
        }
        return index;
    }
}
