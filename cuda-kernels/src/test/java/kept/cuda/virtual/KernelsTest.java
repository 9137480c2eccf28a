package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels compiled by nvcc give the results of the same computation in Java. */
class KernelsTest {
    private static short bf16(float value) {
        return (short) (Float.floatToRawIntBits(value) >>> 16);
    }

    private static float value(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    private static short[] random(long seed, int count) {
        var random = new Random(seed);
        short[] values = new short[count];
        for (int i = 0; i < count; i++) {
            values[i] = bf16((float) random.nextGaussian());
        }
        return values;
    }

    private static long upload(Device device, short[] values) {
        var bytes = Device.buffer(2 * values.length);
        bytes.asShortBuffer().put(values);
        return device.upload(bytes.array());
    }

    @ParameterizedTest
    @CsvSource({"1, 32", "100, 64", "1000, 256", "37, 1024"})
    void softmaxThroughShufflesAndSharedMemory(int width, int threads) {
        var device = new Device();
        int rows = 3;
        short[] in = random(1, rows * width);
        long out = device.empty(4L * rows * width);
        device.launch(device.kernel("samples", "softmax_rows"), Grid.of(rows, threads), 0, upload(device, in), out, width);
        float[] actual = device.floats(out, rows * width);
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            for (int i = 0; i < width; i++) {
                sum += Math.exp(value(in[row * width + i]));
            }
            for (int i = 0; i < width; i++) {
                double expected = Math.exp(value(in[row * width + i])) / sum;
                assertThat((double) actual[row * width + i]).isCloseTo(expected, within(1e-5 * expected));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64, 160})
    void aProductThroughAsynchronousCopiesAndTensorCores(int depth) {
        var device = new Device();
        short[] a = random(2, 64 * depth);
        short[] b = random(3, depth * 64);
        long out = device.empty(4 * 64 * 64);
        device.launch(device.kernel("samples", "product_64x64"), Grid.of(1, 128), 0, upload(device, a), upload(device, b), out, depth);
        float[] actual = device.floats(out, 64 * 64);
        for (int row = 0; row < 64; row++) {
            for (int column = 0; column < 64; column++) {
                double expected = 0;
                for (int k = 0; k < depth; k++) {
                    expected += (double) value(a[row * depth + k]) * value(b[k * 64 + column]);
                }
                assertThat((double) actual[row * 64 + column]).isCloseTo(expected, within(1e-4));
            }
        }
    }

    @Test
    void functionsStructsTablesSwitchesAndLocalArrays() {
        var device = new Device();
        float[] values = {0.1f, 1, -2, 100, 12345.5f, 1e6f, 3.14159f};
        long out = device.empty(4 * 64);
        int n = 4;
        device.launch(device.kernel("samples", "functions"), Grid.of(1, 64), 0, values.length, 1.5f, device.upload(values), 10L, 20L, 30L, out, n);
        float[] actual = device.floats(out, 64);
        float[] table = {1, 2, 3, 4.5f};
        for (int thread = 0; thread < 64; thread++) {
            double value = Math.sin(values[(thread + n) % values.length]) * (n + 1) * 1.5 + table[thread & 3] + 20 + 6;
            value = switch (thread % 7) {
                case 0 -> value + 1;
                case 1 -> value * 2;
                case 2 -> value - 3;
                case 3 -> -value;
                case 4 -> value * value;
                case 5 -> 0.5 * value;
                default -> value;
            };
            assertThat((double) actual[thread]).isCloseTo(value, within(1e-5 * Math.abs(value)));
        }
    }

    @Test
    void divergentLoopsAndEarlyReturns() {
        var device = new Device();
        int[] in = new int[100];
        for (int i = 0; i < in.length; i++) {
            in[i] = i + 1;
        }
        long out = device.empty(400);
        device.launch(device.kernel("samples", "collatz"), Grid.of(2, 64), 0, device.upload(in), out, in.length);
        int[] actual = device.ints(out, in.length);
        for (int i = 0; i < in.length; i++) {
            int steps = 0;
            for (long x = in[i]; x != 1; x = x % 2 == 0 ? x / 2 : 3 * x + 1) {
                steps++;
            }
            assertThat(actual[i]).isEqualTo(steps);
        }
    }

    @Test
    void atomicsAndTheLastBlockPattern() {
        for (boolean watching : new boolean[] {false, true}) {
            var device = new Device(watching ? VirtualGpu.open().watchingBlocks() : VirtualGpu.open().threads(2));
            byte[] in = new byte[5000];
            new Random(4).nextBytes(in);
            long counts = device.upload(new int[256]);
            long total = device.empty(4);
            long kernel = device.kernel("samples", "histogram");
            for (int round = 1; round <= 2; round++) {
                device.launch(kernel, Grid.of(4, 256), 0, device.upload(in), counts, total, in.length);
                int[] expected = new int[256];
                for (byte b : in) {
                    expected[b & 0xff] += round;
                }
                assertThat(device.ints(counts, 256)).isEqualTo(expected);
                assertThat(device.ints(total, 1)).containsExactly(round * in.length);
            }
        }
    }

    @Test
    void bitsDoNotDependOnTheNumberOfThreads() {
        short[] in = random(5, 40 * 300);
        float[] first = null;
        for (int threads = 1; threads <= 3; threads++) {
            var device = new Device(VirtualGpu.open().threads(threads));
            long out = device.empty(4L * in.length);
            device.launch(device.kernel("samples", "softmax_rows"), Grid.of(40, 64), 0, upload(device, in), out, 300);
            float[] result = device.floats(out, in.length);
            first = first == null ? result : first;
            assertThat(result).isEqualTo(first);
        }
    }
}
