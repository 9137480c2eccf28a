package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import kept.backend.BatchedProduct;
import kept.backend.Binary;
import kept.backend.Reduction;
import kept.backend.Unary;
import kept.linalg.DoubleMatrix;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The primitive kernels on tensors of F64: one element at a time, with the functions that {@link Unary} and {@link Binary} define, and matrix
 * products with {@link DoubleGemm}. Fused kernels on such tensors are compositions of these.
 */
final class DoubleLoops {
    private DoubleLoops() {}

    /**
     * Whether a kernel's operands are in F64.
     *
     * @param operands tensors; some may be null
     * @return true if one is
     */
    static boolean apply(Tensor... operands) {
        for (Tensor operand : operands) {
            if (operand != null && operand.dtype() == DType.F64) {
                return true;
            }
        }
        return false;
    }

    /**
     * {@code out = f(x)}.
     *
     * @param f the function
     * @param x the operand
     * @param out the result
     */
    static void unary(Unary f, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, x);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                double value = source.getAtIndex(JAVA_DOUBLE, p[1] + i * iterator.stride(1));
                target.setAtIndex(JAVA_DOUBLE, p[0] + i * iterator.stride(0), f.value(value));
            }
        });
    }

    /**
     * {@code out = f(a, b)}.
     *
     * @param f the function
     * @param a one operand
     * @param b the other
     * @param out the result, of another type for comparisons
     */
    static void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, a, b);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                double x = left.getAtIndex(JAVA_DOUBLE, p[1] + i * iterator.stride(1));
                double y = right.getAtIndex(JAVA_DOUBLE, p[2] + i * iterator.stride(2));
                Elements.setDouble(target, out.dtype(), p[0] + i * iterator.stride(0), f.value(x, y));
            }
        });
    }

    /**
     * {@code out[i...] = reduction over j... of x[i..., j...]}, in row-major order.
     *
     * @param reduction what to compute
     * @param x the operand
     * @param out the result
     */
    static void reduce(Reduction reduction, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        DoubleBinaryOperator function = switch (reduction) {
            case SUM -> Double::sum;
            case MAXIMUM -> Math::max;
            case MINIMUM -> Math::min;
        };
        StridedIterator kept = StridedIterator.over(out, ReduceKernel.first(x, out.shape()));
        StridedIterator terms = ReduceKernel.reduced(x, out.rank());
        long cost = out.elementCount() == 0 ? 1 : Math.max(1, x.elementCount() / out.elementCount());
        kept.forEachTask(Math.clamp(StridedIterator.TASK / cost, 1, StridedIterator.RUN), cost, () -> {
            double[] result = new double[1];
            return (positions, count) -> {
                for (int i = 0; i < count; i++) {
                    long row = positions[1] + i * kept.stride(1);
                    result[0] = ReduceKernel.identity(reduction);
                    terms.forEachInOrder((offsets, length) -> {
                        double value = result[0];
                        for (int j = 0; j < length; j++) {
                            value = function.applyAsDouble(value, source.getAtIndex(JAVA_DOUBLE, row + offsets[0] + j * terms.stride(0)));
                        }
                        result[0] = value;
                    });
                    target.setAtIndex(JAVA_DOUBLE, positions[0] + i * kept.stride(0), result[0]);
                }
            };
        });
    }

    /**
     * The index of the largest element of a row, the first of equals; the first NaN if there are any.
     *
     * @param x the operand
     * @param row the position of the row's first element
     * @return the index along the innermost axis
     */
    static long argMax(Tensor x, long row) {
        MemorySegment source = Elements.segment(x);
        long best = 0;
        double largest = source.getAtIndex(JAVA_DOUBLE, row);
        for (long j = 1; j < x.size(-1) && !Double.isNaN(largest); j++) {
            double value = source.getAtIndex(JAVA_DOUBLE, row + j * x.stride(-1));
            if (!(value <= largest)) {
                best = j;
                largest = value;
            }
        }
        return best;
    }

    /**
     * Products of the matrices of a batch.
     *
     * @param a {@code [batch..., m, k]}
     * @param b {@code [batch..., k, n]}
     * @param out {@code [batch..., m, n]}
     * @param batch the plan of the products
     * @param accumulate whether to add to out
     */
    static void multiply(Tensor a, Tensor b, Tensor out, BatchedProduct batch, boolean accumulate) {
        long[] left = batch.shifts(BatchedProduct.A);
        long[] right = batch.shifts(BatchedProduct.B);
        long[] target = batch.shifts(BatchedProduct.C);
        DoubleMatrix x = matrix(batch.rows(), a.size(-1));
        DoubleMatrix y = matrix(b.size(-2), b.size(-1));
        DoubleMatrix z = matrix(batch.rows(), out.size(-1));
        for (int product = 0; product < target.length; product++) {
            if (product == 0 || left[product] != left[product - 1]) {
                read(a, left[product], x);
            }
            if (product == 0 || right[product] != right[product - 1]) {
                read(b, right[product], y);
            }
            if (accumulate) {
                read(out, target[product], z);
            } else {
                Arrays.fill(z.array(), 0);
            }
            DoubleGemm.add(1, x, false, y, z, false);
            write(z, out, target[product]);
        }
    }

    private static DoubleMatrix matrix(long rows, long columns) {
        if (rows * columns > Integer.MAX_VALUE - 8) {
            throw new ShapeException("[matmul] a matrix of f64 may have up to 2^31 - 9 elements, not %d x %d".formatted(rows, columns));
        }
        return DoubleMatrix.zeros((int) rows, (int) columns);
    }

    private static void read(Tensor x, long shift, DoubleMatrix to) {
        MemorySegment source = Elements.segment(x);
        for (int row = 0; row < to.rows(); row++) {
            long from = x.offset() + shift + row * x.stride(-2);
            int at = to.index(row, 0);
            if (x.stride(-1) == 1) {
                MemorySegment.copy(source, JAVA_DOUBLE, from * Double.BYTES, to.array(), at, to.columns());
            } else {
                for (int column = 0; column < to.columns(); column++) {
                    to.array()[at + column] = source.getAtIndex(JAVA_DOUBLE, from + column * x.stride(-1));
                }
            }
        }
    }

    private static void write(DoubleMatrix from, Tensor x, long shift) {
        MemorySegment target = Elements.segment(x);
        for (int row = 0; row < from.rows(); row++) {
            MemorySegment.copy(from.array(), from.index(row, 0), target, JAVA_DOUBLE, (x.offset() + shift + row * x.stride(-2)) * Double.BYTES,
                    from.columns());
        }
    }
}
