package kept.autograd;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** What the references of {@link OperationCase}s are made of; each throws where shapes do not fit. */
final class References {
    private References() {}

    static void require(boolean condition) {
        if (!condition) {
            throw new IllegalArgumentException("there is no right value");
        }
    }

    /** There is a value, which is too large to be compared. */
    static final class TooLargeException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    static void requireSmall(double elements) {
        if (elements > 10_000) {
            throw new TooLargeException();
        }
    }

    /** An axis from 0. */
    static int axis(double axis, int rank) {
        int resolved = (int) (axis < 0 ? axis + rank : axis);
        require(resolved >= 0 && resolved < rank && axis == (int) axis);
        return resolved;
    }

    static int[] broadcast(int[] a, int[] b) {
        int rank = Math.max(a.length, b.length);
        int[] common = new int[rank];
        for (int i = 1; i <= rank; i++) {
            int left = i <= a.length ? a[a.length - i] : 1;
            int right = i <= b.length ? b[b.length - i] : 1;
            require(left == right || left == 1 || right == 1);
            common[rank - i] = left == 1 ? right : left;
        }
        return common;
    }

    static Reference zip(Reference a, Reference b, DoubleBinaryOperator f) {
        return Reference.generate(broadcast(a.shape(), b.shape()), at -> f.applyAsDouble(a.broadcastAt(at), b.broadcastAt(at)));
    }

    static Reference expand(Reference x, int... shape) {
        require(Arrays.equals(broadcast(x.shape(), shape), shape));
        return Reference.generate(shape, x::broadcastAt);
    }

    /** Reduces axes, and leaves them out or keeps them with extent 1. */
    static Reference reduce(Reference x, boolean keep, ToDoubleFunction<double[]> f, double... axes) {
        int rank = x.shape().length;
        int[] resolved = axes.length == 0 ? IntStream.range(0, rank).toArray() : Arrays.stream(axes).mapToInt(a -> axis(a, rank)).toArray();
        require(Arrays.stream(resolved).distinct().count() == resolved.length);
        Reference kept = x.reduce(f, resolved);
        int[] shape = IntStream.range(0, rank).filter(i -> keep || Arrays.stream(resolved).noneMatch(r -> r == i)).map(i -> kept.shape()[i])
                .toArray();
        return kept.reshape(shape);
    }

    static double[] atLeastOne(double[] values) {
        require(values.length > 0);
        return values;
    }

    static double sum(double... values) {
        return Arrays.stream(values).sum();
    }

    static double mean(double... values) {
        return sum(values) / values.length;
    }

    static double variance(double... values) {
        double mean = mean(values);
        return mean(Arrays.stream(values).map(v -> (v - mean) * (v - mean)).toArray());
    }

    static double max(double... values) {
        return Arrays.stream(atLeastOne(values)).max().orElseThrow();
    }

    static double logSumExp(double... values) {
        double max = max(values);
        return max + Math.log(Arrays.stream(values).map(v -> Math.exp(v - max)).sum());
    }

    static Reference softmax(Reference x, double along, boolean logarithm) {
        int axis = axis(along, x.shape().length);
        if (x.values().length == 0) {
            return x;
        }
        return zip(x, reduce(x, true, References::logSumExp, axis), (v, lse) -> logarithm ? v - lse : Math.exp(v - lse));
    }

    static Reference matmul(Reference a, Reference b) {
        int m = a.shape().length;
        int n = b.shape().length;
        require(m >= 2 && n >= 2 && a.shape()[m - 1] == b.shape()[n - 2]);
        int[] batch = broadcast(Arrays.copyOf(a.shape(), m - 2), Arrays.copyOf(b.shape(), n - 2));
        int[] shape = Arrays.copyOf(batch, batch.length + 2);
        shape[batch.length] = a.shape()[m - 2];
        shape[batch.length + 1] = b.shape()[n - 1];
        return Reference.generate(shape, at -> IntStream.range(0, a.shape()[m - 1]).mapToDouble(k -> {
            int[] left = at.clone();
            int[] right = at.clone();
            left[at.length - 1] = k;
            right[at.length - 2] = k;
            return a.broadcastAt(left) * b.broadcastAt(right);
        }).sum());
    }

    static Reference transpose(Reference x) {
        int rank = x.shape().length;
        require(rank >= 2);
        int[] axes = IntStream.range(0, rank).toArray();
        axes[rank - 1] = rank - 2;
        axes[rank - 2] = rank - 1;
        return x.permute(axes);
    }

    static Reference reshape(Reference x, int... shape) {
        require(Arrays.stream(shape).reduce(1, (a, b) -> a * b) == x.values().length);
        return x.reshape(shape);
    }

    static Reference slice(Reference x, int axis, double from, double to, double step) {
        int extent = x.shape()[axis];
        int first = (int) (from < 0 ? from + extent : from);
        int end = (int) (to < 0 ? to + extent : to);
        require(first >= 0 && first <= end && end <= extent && step >= 1);
        int[] shape = x.shape().clone();
        shape[axis] = (int) ((end - first + (long) step - 1) / (long) step);
        return Reference.generate(shape, at -> {
            int[] own = at.clone();
            own[axis] = (int) (first + at[axis] * (long) step);
            return x.at(own);
        });
    }

    static Reference concat(int axis, Reference... parts) {
        int[] shape = parts[0].shape().clone();
        shape[axis] = 0;
        for (Reference part : parts) {
            int[] other = part.shape().clone();
            require(other.length == shape.length);
            shape[axis] += other[axis];
            other[axis] = parts[0].shape()[axis];
            require(Arrays.equals(other, parts[0].shape()));
        }
        return Reference.generate(shape, at -> {
            int[] own = at.clone();
            for (Reference part : parts) {
                if (own[axis] < part.shape()[axis]) {
                    return part.at(own);
                }
                own[axis] -= part.shape()[axis];
            }
            throw new IllegalStateException();
        });
    }

    /** {@code out[..., i, ...] = x[..., index[..., i, ...], ...]}. */
    static Reference gather(Reference x, int axis, Reference index) {
        require(x.shape().length == index.shape().length);
        for (int i = 0; i < x.shape().length; i++) {
            require(i == axis || index.shape()[i] <= x.shape()[i]);
        }
        return Reference.generate(index.shape(), at -> {
            int[] own = at.clone();
            own[axis] = (int) index.at(at);
            return x.at(own);
        });
    }

    /** The error function, by its series of terms of one sign. */
    static double erf(double x) {
        if (Math.abs(x) > 6) {
            return Math.signum(x);
        }
        double term = x;
        double sum = x;
        for (int n = 1; n < 200; n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }
}
