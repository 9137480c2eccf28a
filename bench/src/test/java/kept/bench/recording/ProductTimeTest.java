package kept.bench.recording;

import static org.assertj.core.api.Assertions.assertThat;

import kept.bench.recording.Recording.Product;
import kept.cuda.cublas.DataType;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class ProductTimeTest {
    private static final GpuModel GPU = GpuModel.H200;

    private static Product bf16(int m, int n, int k) {
        return new Product(m, n, k, 1, 0, DataType.BF16, DataType.BF16, false);
    }

    @Test
    void aLargeProductRunsNearTheMeasuredRate() {
        double rate = 2.0 * 8192 * 8192 * 8192 / ProductTime.seconds(bf16(8192, 8192, 8192), GPU);
        assertThat(rate).isBetween(0.95 * 790e12, 790e12);
    }

    @Test
    void aTileMoreThanARoundCostsAnotherRound() {
        double full = ProductTime.seconds(bf16(128 * 132, 256, 8192), GPU);
        double more = ProductTime.seconds(bf16(128 * 133, 256, 8192), GPU);
        assertThat(full).isCloseTo(2.0 * 128 * 132 * 256 * 8192 / 790e12, Percentage.withPercentage(1));
        assertThat(more / full).isBetween(1.1, 2.0);
    }

    @Test
    void aProductWithOneRowReadsItsMatrix() {
        double bytes = 2.0 * (5120.0 * 15360 + 5120 + 15360);
        assertThat(ProductTime.bytes(bf16(15360, 1, 5120))).isEqualTo(bytes);
        assertThat(ProductTime.seconds(bf16(15360, 1, 5120), GPU)).isCloseTo(bytes / GPU.copyBandwidth(), Percentage.withPercentage(2));
    }

    @Test
    void anOperandThatTheBatchSharesCountsOnce() {
        assertThat(ProductTime.bytes(new Product(10, 20, 30, 4, 0, DataType.F32, DataType.F32, false))).isEqualTo(4 * 4 * (300 + 600 + 200));
        assertThat(ProductTime.bytes(new Product(10, 20, 30, 4, 1, DataType.F32, DataType.F32, false))).isEqualTo(4 * (300 + 4 * 600 + 4 * 200));
        assertThat(ProductTime.bytes(new Product(10, 20, 30, 1, 0, DataType.BF16, DataType.F32, true))).isEqualTo(2 * (300 + 600) + 2 * 4 * 200);
    }
}
