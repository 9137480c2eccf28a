package kept.backend;

import java.util.Arrays;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Plans the batch of a matrix product as few products as its strides allow. Neighbouring products that share B and whose rows of A and C follow each
 * other become one product of more rows; the remaining axes are merged.
 *
 * @param rows rows of A and C of each product
 * @param axes the batch axes that remain, innermost first, with the strides of A, B and C
 */
public record BatchedProduct(int rows, MergedAxes axes) {
    /** The index of A in the strides of an axis. */
    public static final int A = 0;
    /** The index of B in the strides of an axis. */
    public static final int B = 1;
    /** The index of C in the strides of an axis. */
    public static final int C = 2;

    /**
     * Plans the products of a batch.
     *
     * @param a {@code [..., m, k]}, whose batch axes are expanded to out's
     * @param b {@code [..., k, n]}, whose batch axes are expanded to out's
     * @param out {@code [..., m, n]}
     * @param contiguousRows whether to join rows only if those of A are contiguous and do not overlap, as BLAS requires
     * @return the plan
     */
    public static BatchedProduct of(Tensor a, Tensor b, Tensor out, boolean contiguousRows) {
        int rank = out.rank() - 2;
        long[] batch = Arrays.copyOf(out.shape().toArray(), rank);
        MergedAxes axes = MergedAxes.of(batch, batchStrides(a, batch), batchStrides(b, batch), Arrays.copyOf(out.strides(), rank));
        long rows = out.size(-2);
        boolean joins = !contiguousRows || a.stride(-1) == 1 && a.stride(-2) >= a.size(-1);
        int joined = 0;
        while (joins && joined < axes.rank()) {
            long[] strides = axes.strides()[joined];
            long more = rows * axes.extents()[joined];
            if (strides[B] != 0 || strides[A] != rows * a.stride(-2) || strides[C] != rows * out.stride(-2) || more > Integer.MAX_VALUE) {
                break;
            }
            rows = more;
            joined++;
        }
        return new BatchedProduct(Math.toIntExact(rows), axes.from(joined));
    }

    private static long[] batchStrides(Tensor operand, long... batch) {
        int own = operand.rank() - 2;
        Tensor first = TensorMemory.view(operand,
                Shape.of(Arrays.copyOf(operand.shape().toArray(), own)), Arrays.copyOf(operand.strides(), own), operand.offset());
        return TensorMemory.expandedStrides(first, Shape.of(batch), "matmul");
    }

    /**
     * The position of each product's operand, in row-major order of the axes.
     *
     * @param operand {@link #A}, {@link #B} or {@link #C}
     * @return elements from the first product's operand, for each product
     */
    public long[] shifts(int operand) {
        int products = 1;
        for (long extent : axes.extents()) {
            products = Math.multiplyExact(products, Math.toIntExact(extent));
        }
        long[] shifts = new long[products];
        for (int product = 0; product < products; product++) {
            long rest = product;
            for (int axis = 0; axis < axes.rank(); axis++) {
                shifts[product] += rest % axes.extents()[axis] * axes.strides()[axis][operand];
                rest /= axes.extents()[axis];
            }
        }
        return shifts;
    }
}
