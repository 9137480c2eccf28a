package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of products with matrices in blocks: few rows and many, all types, parts of matrices, and bits. */
public abstract class BlockProductContract extends KernelContract {
    private static final long[] WIDTHS = {70, 1, 133};

    /** For subclasses. */
    protected BlockProductContract() {}

    private static Tensor gaussian(DType type, long seed, long... shape) {
        var random = new SplittableRandom(seed);
        return HostTensor.of(type, Layout.DENSE, _ -> random.nextGaussian(), shape);
    }

    private static BlockMatrix blocks(long seed, long rows, long columns) {
        return BlockMatrix.quantize(gaussian(DType.F32, seed, rows, columns)).orElseThrow();
    }

    private List<Tensor> products(Tensor x, DType type, List<BlockMatrix> weights) {
        List<Tensor> outs = weights.stream().map(weight -> Tensor.full(Double.NaN, type, Shape.of(x.size(0), weight.shape().size(0)))).toList();
        backend().blockLinearOfEach(x, weights, outs);
        return outs;
    }

    /** Depths with and without a rest after whole vectors, and one of several blocks of a matrix product. */
    @Test
    void productsAreThoseOfTheNumbers() {
        int turn = 0;
        for (long rows : new long[] {0, 1, 3, 4, 5, 70}) {
            for (long k : new long[] {0, 32, 96, 320, 1056}) {
                List<BlockMatrix> weights = new ArrayList<>();
                for (long width : WIDTHS) {
                    weights.add(blocks(width + k, width, k));
                }
                DType type = FLOATING[turn++ % 3];
                Tensor x = gaussian(type, turn, rows, k);
                List<Tensor> outs = products(x, turn % 2 == 0 ? DType.F32 : type, weights);
                for (int i = 0; i < WIDTHS.length; i++) {
                    assertProduct(x, weights.get(i), outs.get(i));
                }
            }
        }
    }

    /**
     * Asserts that a product is that of the numbers.
     *
     * @param rows rows of x
     * @param width rows of the matrix
     * @param k columns of both
     */
    protected void assertProducts(long rows, long width, long k) {
        Tensor x = gaussian(DType.F32, 1, rows, k);
        BlockMatrix weight = blocks(2, width, k);
        assertProduct(x, weight, products(x, DType.F32, List.of(weight)).getFirst());
    }

    private void assertProduct(Tensor x, BlockMatrix weight, Tensor out) {
        double[] left = HostTensor.values(x);
        float[] right = weight.widen().toFloatArray();
        float[] scales = weight.scales().cast(DType.F32).toFloatArray();
        double[] actual = HostTensor.values(out);
        int k = (int) x.size(1);
        int n = (int) out.size(1);
        boolean rounds = x.dtype() == DType.BF16 && backend().productType(DType.BF16) == DType.BF16;
        double last = switch (out.dtype()) {
            case BF16 -> 0x1p-8;
            case F16 -> 0x1p-11;
            default -> 0;
        };
        for (int i = 0; i < actual.length; i++) {
            double sum = 0;
            double size = 0;
            double offsets = 0;
            for (int j = 0; j < k; j++) {
                double factor = left[i / n * k + j];
                int element = i % n * k + j;
                sum += factor * right[element];
                size += Math.abs(factor * right[element]);
                offsets += Math.abs(factor) * BlockMatrix.ZERO * scales[element / BlockMatrix.BLOCK];
            }
            // A device may add codes that have no sign and subtract the excess: four terms, and the excess itself.
            double tolerance = ((k + 2) * 0x1p-24 + (rounds ? 0x1p-8 : 0)) * size + 10 * 0x1p-24 * offsets + last * Math.abs(sum) + 1e-7 * last;
            assertThat(Math.abs(actual[i] - sum)).as("%s %s x %s in blocks, element %d: %s instead of %s", x.dtype(), x.shape(), weight.shape(), i,
                    actual[i], sum).isLessThanOrEqualTo(tolerance);
        }
    }

    /** Codes at both ends, and x so large that only the right codes give the sums, which are whole numbers. */
    @Test
    void everyCodeIsReadWithItsScale() {
        byte[] codes = new byte[256 * 64];
        float[] scales = new float[256 * 2];
        for (int row = 0; row < 256; row++) {
            Arrays.fill(codes, row * 64, row * 64 + 64, (byte) row);
            scales[2 * row] = 0.5f;
            scales[2 * row + 1] = 4;
        }
        var weight = new BlockMatrix(Tensor.of(codes, 256, 64), Tensor.of(scales, 256, 2).cast(DType.F16));
        float[] x = new float[64];
        x[3] = 2;
        x[61] = 256;
        for (int rows : new int[] {1, 6}) {
            Tensor out = products(Tensor.of(x, 1, 64).expand(rows, 64).contiguous(), DType.F32, List.of(weight)).getFirst();
            for (int row = 0; row < 256; row++) {
                assertThat(out.get(rows - 1, row)).as("code %d of %d rows", row, rows).isEqualTo((row - 128) + 1024.0 * (row - 128));
            }
        }
    }

    @Test
    void aProductHasItsBitsAmongOthersAndInParts() {
        for (long rows : new long[] {1, 4, 9}) {
            Tensor x = gaussian(DType.F32, rows, rows, 352);
            List<BlockMatrix> weights = List.of(blocks(1, 70, 352), blocks(2, 133, 352));
            List<Tensor> together = products(x, DType.F32, weights);
            for (int i = 0; i < 2; i++) {
                float[] alone = products(x, DType.F32, List.of(weights.get(i))).getFirst().toFloatArray();
                assertThat(together.get(i).toFloatArray()).as("%d rows", rows).isEqualTo(alone);
                if (backend().keepsBitsOfRows()) {
                    Tensor part = products(x, DType.F32, List.of(weights.get(i).rows(13, 40))).getFirst();
                    assertThat(part.toFloatArray()).as("%d rows", rows).isEqualTo(together.get(i).slice(1, 13, 40).toFloatArray());
                }
            }
        }
    }

    @Test
    void rowsOfABatchHaveTheBitsOfEachIfTheDeviceSaysSo() {
        Tensor x = gaussian(DType.F32, 1, 4, 352);
        BlockMatrix weight = blocks(1, 70, 352);
        float[] all = products(x, DType.F32, List.of(weight)).getFirst().slice(0, 2, 3).toFloatArray();
        float[] one = products(x.slice(0, 2, 3), DType.F32, List.of(weight)).getFirst().toFloatArray();
        assertThat(backend().keepsBitsOfRows() && !Arrays.equals(all, one)).as("a row has other bits among others").isFalse();
    }
}
