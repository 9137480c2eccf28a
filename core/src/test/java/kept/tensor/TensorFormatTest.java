package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TensorFormatTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void aScalar() {
        assertThat(Tensor.scalar(0.5, DType.F32)).hasToString("f32[] 0.5000");
        assertThat(Tensor.scalar(3, DType.I64)).hasToString("i64[] 3");
    }

    @Test
    void aVectorWithAlignedNumbers() {
        assertThat(Tensor.of(new float[] {1.5f, -10.25f, 3})).hasToString("f32[3] [  1.5000, -10.2500,   3.0000]");
        assertThat(Tensor.of(new int[] {1, 200, -3})).hasToString("i32[3] [  1, 200,  -3]");
    }

    @Test
    void wholeNumbersHaveNoDecimals() {
        assertThat(Tensor.arange(4)).hasToString("f32[4] [0., 1., 2., 3.]");
        assertThat(Tensor.of(new float[] {0, Float.NaN, Float.NEGATIVE_INFINITY, 12})).hasToString("f32[4] [  0.,  nan, -inf,  12.]");
    }

    @Test
    void veryLargeAndVerySmallNumbersAreInPowersOfTen() {
        assertThat(Tensor.of(new float[] {1e-6f, 2})).hasToString("f32[2] [1.0000e-06, 2.0000e+00]");
        assertThat(Tensor.of(new float[] {-3e7f, 0})).hasToString("f32[2] [-3.0000e+07,  0.0000e+00]");
    }

    @Test
    void doublesBytesAndTruthValues() {
        assertThat(Tensor.of(new double[] {0.25, -1e40})).hasToString("f64[2] [ 2.5000e-01, -1.0000e+40]");
        assertThat(Tensor.of(new double[] {1, 2})).hasToString("f64[2] [1., 2.]");
        assertThat(Tensor.of(new byte[] {3, -1})).hasToString("u8[2] [  3, 255]");
        assertThat(Tensor.of(new boolean[] {true, false})).hasToString("bool[2] [ true, false]");
        assertThat(Tensor.arange(3).ge(1)).hasToString("bool[3] [false,  true,  true]");
    }

    @Test
    void aMatrixWithOneRowToALine() {
        assertThat(Tensor.arange(6).reshape(2, 3).transpose(0, 1).cast(DType.BF16)).hasToString("""
                bf16[3, 2]
                [[0., 3.],
                 [1., 4.],
                 [2., 5.]]""");
    }

    @Test
    void matricesOfABatchApartByAnEmptyLine() {
        assertThat(Tensor.arange(8).reshape(2, 2, 2)).hasToString("""
                f32[2, 2, 2]
                [[[0., 1.],
                  [2., 3.]],

                 [[4., 5.],
                  [6., 7.]]]""");
    }

    @Test
    void longAxesWithoutTheirMiddle() {
        assertThat(Tensor.arange(1000)).hasToString("f32[1000] [  0.,   1.,   2., ..., 997., 998., 999.]");
        assertThat(Tensor.arange(100).reshape(10, 10)).hasToString("""
                f32[10, 10]
                [[ 0.,  1.,  2., ...,  7.,  8.,  9.],
                 [10., 11., 12., ..., 17., 18., 19.],
                 [20., 21., 22., ..., 27., 28., 29.],
                 ...,
                 [70., 71., 72., ..., 77., 78., 79.],
                 [80., 81., 82., ..., 87., 88., 89.],
                 [90., 91., 92., ..., 97., 98., 99.]]""");
        assertThat(Tensor.arange(8)).hasToString("f32[8] [0., 1., 2., 3., 4., 5., 6., 7.]");
    }

    @Test
    void noElements() {
        assertThat(Tensor.zeros(0, 3)).hasToString("f32[0, 3] []");
    }

    @Test
    void outsideOfAnyScope() {
        Scope detached = Scope.detached(Device.cpu());
        Tensor tensor = detached.run(() -> Tensor.ones(2));
        scope.close();
        assertThat(tensor).hasToString("f32[2] [1., 1.]");
        detached.close();
        scope = Scope.open();
    }
}
