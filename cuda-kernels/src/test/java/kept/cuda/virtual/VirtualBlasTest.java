package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.cuda.driver.CudaException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VirtualBlasTest {
    private final Device device = new Device();
    private final VirtualBlas blas = device.gpu.blas();
    private final long handle = blas.create(device.stream);

    private long upload(float[] values, DataType type) {
        var bytes = Device.buffer(values.length * (type == DataType.F32 ? 4 : 2));
        for (float value : values) {
            switch (type) {
                case F32 -> bytes.putFloat(value);
                case F16 -> bytes.putShort(Float.floatToFloat16(value));
                case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
                case F64 -> throw new IllegalArgumentException("a float of type " + type);
            }
        }
        return device.upload(bytes.array());
    }

    private static float[] random(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(33) - 16;
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({
        "F32, F32, false, false, 1, 0",
        "F32, F32, true, false, 0.5, 2",
        "BF16, F32, false, true, 1, 1",
        "BF16, BF16, true, true, 0.25, 0",
        "F16, F32, false, false, 1, 0",
        "F16, F16, true, false, 0.125, 0"})
    void columnsOfProductsForEachMatrixOfABatch(DataType in, DataType out, boolean transposeA, boolean transposeB, float alpha, float beta) {
        int m = 5;
        int n = 4;
        int k = 7;
        int batch = 3;
        int leadingA = (transposeA ? k : m) + 1;
        int leadingB = (transposeB ? n : k) + 2;
        int leadingC = m + 3;
        int strideA = leadingA * (transposeA ? m : k);
        int strideC = leadingC * n;
        var random = new Random(1);
        float[] a = random(random, strideA * batch);
        float[] b = random(random, leadingB * (transposeB ? k : n));
        float[] c = random(random, strideC * batch);
        long to = upload(c, out);
        // All matrices of the batch share b.
        blas.gemm(handle, new Gemm(m, n, k, alpha, new Matrix(upload(a, in), in, leadingA, strideA, transposeA),
                new Matrix(upload(b, in), in, leadingB, 0, transposeB), beta, new Matrix(to, out, leadingC, strideC, false), batch));
        var bytes = device.download(to, c.length * (out == DataType.F32 ? 4 : 2));
        for (int i = 0; i < c.length; i++) {
            float actual = switch (out) {
                case F32 -> bytes.getFloat();
                case F16 -> Float.float16ToFloat(bytes.getShort());
                case BF16 -> Float.intBitsToFloat(bytes.getShort() << 16);
                case F64 -> throw new IllegalArgumentException("a float of type " + out);
            };
            int row = i % leadingC;
            int column = i / leadingC % n;
            double expected = c[i];
            if (row < m) {
                double sum = 0;
                for (int l = 0; l < k; l++) {
                    int atA = transposeA ? row * leadingA + l : l * leadingA + row;
                    sum += (double) a[i / strideC * strideA + atA] * b[transposeB ? l * leadingB + column : column * leadingB + l];
                }
                expected = alpha * sum + (beta == 0 ? 0 : beta * c[i]);
            }
            assertThat((double) actual).isCloseTo(expected, within(out == DataType.F32 ? 1e-6 : Math.abs(expected) / 256));
        }
    }

    @Test
    void productsOfF64AreSummedInF64() {
        int m = 5;
        int n = 4;
        int k = 7;
        var random = new Random(2);
        double[] a = random.doubles((m + 1) * k).toArray();
        double[] b = random.doubles((n + 2) * k).toArray();
        double[] c = random.doubles((m + 3) * n).toArray();
        long to = upload(c);
        blas.gemm(handle, new Gemm(m, n, k, -1, new Matrix(upload(a), DataType.F64, m + 1, 0, false),
                new Matrix(upload(b), DataType.F64, n + 2, 0, true), 1, new Matrix(to, DataType.F64, m + 3, 0, false), 1));
        var bytes = device.download(to, c.length * Double.BYTES);
        for (int i = 0; i < c.length; i++) {
            double expected = c[i];
            for (int l = 0; l < k && i % (m + 3) < m; l++) {
                expected -= a[l * (m + 1) + i % (m + 3)] * b[l * (n + 2) + i / (m + 3)];
            }
            assertThat(bytes.getDouble()).as("element %d", i).isCloseTo(expected, within(1e-14));
        }
        var mixed = new Matrix(to, DataType.F32, 8, 0, false);
        var wide = new Matrix(to, DataType.F64, 8, 0, false);
        assertThatThrownBy(() -> blas.gemm(handle, new Gemm(1, 1, 1, 1, wide, wide, 0, mixed, 1))).isInstanceOf(CudaException.class)
                .message().contains("types F64 x F64 -> F32");
    }

    private long upload(double... values) {
        var bytes = Device.buffer(values.length * Double.BYTES);
        for (double value : values) {
            bytes.putDouble(value);
        }
        return device.upload(bytes.array());
    }

    @Test
    void withBetaZeroTheResultMayBeUninitialized() {
        long a = upload(new float[] {1, 2}, DataType.F32);
        long c = device.empty(16);
        var left = new Matrix(a, DataType.F32, 2, 0, false);
        var right = new Matrix(a, DataType.F32, 1, 0, false);
        var result = new Matrix(c, DataType.F32, 2, 0, false);
        assertThatThrownBy(() -> blas.gemm(handle, new Gemm(2, 2, 1, 1, left, right, 1, result, 1))).isInstanceOf(KernelFault.class)
                .message().contains("gemm reads element 0 of c", "which was never written");
        blas.gemm(handle, new Gemm(2, 2, 1, 1, left, right, 0, result, 1));
        assertThat(device.floats(c, 4)).containsExactly(1, 2, 2, 4);
    }

    @Test
    void operandsAreChecked() {
        long a = upload(new float[] {1, 2, 3, 4}, DataType.F32);
        var square = new Matrix(a, DataType.F32, 2, 0, false);
        assertThatThrownBy(() -> blas.gemm(handle, new Gemm(3, 1, 1, 1, square, square, 0, square, 1))).isInstanceOf(CudaException.class)
                .message().contains("CUBLAS_STATUS_INVALID_VALUE (7): leading dimension 2 of a with columns of 3");
        assertThatThrownBy(() -> blas.gemm(handle, new Gemm(2, 2, 3, 1, square, new Matrix(a, DataType.F32, 3, 0, false), 0, square, 1)))
                .isInstanceOf(KernelFault.class).message().contains("gemm reads element 4 of a", "0 bytes past the end of allocation");
        assertThatThrownBy(() -> blas.gemm(handle, new Gemm(2, 2, 2, 1, square, new Matrix(a, DataType.BF16, 2, 0, false), 0, square, 1)))
                .isInstanceOf(CudaException.class).message().contains("types F32 x BF16 -> F32");
        assertThatThrownBy(() -> blas.gemm(99, new Gemm(2, 2, 2, 1, square, square, 0, square, 1))).isInstanceOf(CudaException.class)
                .message().contains("CUBLAS_STATUS_NOT_INITIALIZED");
    }
}
