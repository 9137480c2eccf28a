package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** The contract of the optimiser's kernels. */
public abstract class OptimizerKernelContract extends KernelContract {
    private static final int[] COUNTS = {1, 17, 4098, 70_001};
    private static final float[] GRADIENTS = {0.5f, -0.25f, 1f};

    /** For subclasses. */
    protected OptimizerKernelContract() {}

    private static void assertAll(Tensor actual, float expected, float tolerance) {
        for (float value : actual.toFloatArray()) {
            assertThat(Math.abs(value - expected)).as("%s is to be %s", value, expected).isLessThanOrEqualTo(tolerance);
        }
    }

    @Test
    void adamWGivesTheNumbersOfThreeStepsByHand() {
        for (int count : COUNTS) {
            Tensor w = Tensor.full(1, DType.F32, Shape.of(count));
            Tensor m = Tensor.zeros(count);
            Tensor v = Tensor.zeros(count);
            float[] parameters = {0.8990000020f, 0.8714672987f, 0.8047846724f};
            float[] firsts = {0.05f, 0.02f, 0.118f};
            float[] seconds = {0.00025f, 0.00031225f, 0.00131193775f};
            for (int i = 0; i < 3; i++) {
                backend().adamW(new AdamWStep(i + 1, 0.1, 0.9, 0.999, 1e-8, 0.01, 1), w, Tensor.full(GRADIENTS[i], DType.F32, Shape.of(count)), m, v);
                assertAll(w, parameters[i], 2e-7f);
                assertAll(m, firsts[i], 2e-8f);
                assertAll(v, seconds[i], 2e-9f);
            }
        }
    }

    @Test
    void adamWScalesGradientsAndTakesALargeEpsilonAndDecay() {
        Tensor w = Tensor.full(-2, DType.F32, Shape.of(33));
        Tensor m = Tensor.zeros(33);
        Tensor v = Tensor.zeros(33);
        float[] parameters = {-2.0399001996f, -2.0430850475f, -2.0652586121f};
        for (int i = 0; i < 3; i++) {
            Tensor gradient = Tensor.full(4 * GRADIENTS[i], DType.F32, Shape.of(33));
            backend().adamW(new AdamWStep(i + 1, 0.05, 0.9, 0.95, 1e-3, 0.1, 0.25), w, gradient, m, v);
            assertAll(w, parameters[i], 4e-7f);
        }
        assertAll(m, 0.118f, 2e-8f);
        assertAll(v, 0.06425f, 1e-8f);
    }

    @Test
    void adamWRoundsParametersOfReducedPrecisionOnce() {
        for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
            for (int count : COUNTS) {
                Tensor w = normal(dtype, count, 1, count);
                Tensor wide = Tensor.of(w.toFloatArray());
                Tensor gradient = normal(DType.F32, 3, 1, count);
                Tensor[] moments = {Tensor.zeros(count), Tensor.zeros(count), Tensor.zeros(count), Tensor.zeros(count)};
                AdamWStep step = new AdamWStep(1, 0.01, 0.9, 0.999, 1e-8, 0.1, 1);
                backend().adamW(step, w, gradient, moments[0], moments[1]);
                backend().adamW(step, wide, gradient, moments[2], moments[3]);
                assertThat(w.toFloatArray()).isEqualTo(of(dtype, wide.toFloatArray(), count).toFloatArray());
                assertThat(moments[1].toFloatArray()).isEqualTo(moments[3].toFloatArray());
            }
        }
    }

    @Test
    void codedMomentsAreTheNearestCodesOfWhatTheStepMakes() {
        for (int count : new int[] {1, 255, 256, 257, 4098}) {
            Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(count));
            Tensor w = normal(DType.F32, count, 1, count);
            Tensor plain = Tensor.of(w.toFloatArray());
            for (int i = 0; i < 3; i++) {
                var step = new AdamWStep(i + 1, 0.01, 0.9, 0.95, 1e-8, 0.1, 0.5);
                Tensor gradient = gradient(10 + i, count);
                Tensor m = Tensor.of(decoded(first, count, true));
                Tensor v = Tensor.of(squares(decoded(second, count, false)));
                backend().adamW(step, w, gradient, first, second);
                backend().adamW(step, plain, gradient, m, v);
                assertThat(w.toFloatArray()).as("the parameter is updated by what is not rounded").isEqualTo(plain.toFloatArray());
                assertNearest(m.toFloatArray(), first, true);
                assertNearest(roots(v.toFloatArray()), second, false);
            }
        }
    }

    @Test
    void codedMomentsHaveTheCodesOfTheDefinitionAtEveryBound() {
        // With betas of 0 the moments are the gradient and the root of its rounded square.
        var step = new AdamWStep(1, 0.01, 0, 0, 1e-8, 0, 1);
        for (float scale : new float[] {1, 3.1e-7f, 0x1.fffffep9f, 7e-22f, 5e-15f}) {
            for (boolean signed : new boolean[] {true, false}) {
                float[] numbers = aroundBounds(signed, scale);
                Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(numbers.length));
                Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(numbers.length));
                backend().adamW(step, Tensor.zeros(numbers.length), Tensor.of(numbers), first, second);
                assertThat(words(first)).as("first moments, scale %s", scale).isEqualTo(codes(true, numbers));
                assertThat(words(second)).as("second moments, scale %s", scale).isEqualTo(codes(false, roots(squares(numbers))));
            }
        }
    }

    /** In each block its largest number, every bound of a code with the floats around it, and random numbers of all decades, with both signs. */
    private static float[] aroundBounds(boolean signed, float scale) {
        float[] bounds = BlockCodes.bounds(signed);
        float[] random = normal(DType.F32, 31, 1, 4 * bounds.length).toFloatArray();
        float[] values = new float[14 * bounds.length];
        for (int i = 0; i < bounds.length; i++) {
            float bound = bounds[i] * scale;
            float[] around = {Math.nextDown(bound), bound, Math.nextUp(bound), Math.nextUp(Math.nextUp(bound)), Math.nextDown(Math.nextDown(bound))};
            for (int j = 0; j < around.length; j++) {
                values[14 * i + 2 * j] = around[j];
                values[14 * i + 2 * j + 1] = -around[j];
            }
            for (int j = 0; j < 4; j++) {
                values[14 * i + 10 + j] = (float) (Math.clamp(random[4 * i + j] / 3, -1, 1) * Math.pow(10, -(i % 9)) * scale);
            }
        }
        for (int block = 0; block < values.length; block += BlockCodes.BLOCK) {
            values[block] = block % 512 == 0 ? scale : -scale;
        }
        return values;
    }

    private static int[] codes(boolean signed, float... numbers) {
        int[] words = new int[(int) BlockCodes.shape(numbers.length).elementCount()];
        MemorySegment memory = MemorySegment.ofArray(words);
        for (int i = 0; i < numbers.length; i += BlockCodes.BLOCK) {
            int count = Math.min(BlockCodes.BLOCK, numbers.length - i);
            BlockCodes.write(Arrays.copyOfRange(numbers, i, i + count), count, memory, (long) i / BlockCodes.BLOCK * BlockCodes.WORDS, signed);
        }
        return words;
    }

    /** Magnitudes of many decades, and zeros. */
    private static Tensor gradient(long seed, int count) {
        float[] values = normal(DType.F32, seed, 1, count).toFloatArray();
        for (int i = 0; i < count; i++) {
            values[i] *= i % 5 == 0 ? 0 : (float) Math.pow(10, -(i % 11));
        }
        return Tensor.of(values);
    }

    private static float[] squares(float... x) {
        float[] out = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = x[i] * x[i];
        }
        return out;
    }

    private static float[] roots(float... x) {
        float[] out = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = (float) Math.sqrt(x[i]);
        }
        return out;
    }

    private static byte[] bytes(Tensor x) {
        byte[] bytes = new byte[(int) x.elementCount() * x.dtype().bytes()];
        x.backend().download(TensorMemory.buffer(x), x.offset() * x.dtype().bytes(), MemorySegment.ofArray(bytes));
        return bytes;
    }

    private static int[] words(Tensor codes) {
        int[] words = new int[(int) codes.elementCount()];
        MemorySegment.ofArray(bytes(codes)).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(words);
        return words;
    }

    private static float[] decoded(Tensor codes, int count, boolean signed) {
        int[] words = words(codes);
        float[] values = BlockCodes.values(signed);
        float[] out = new float[count];
        for (int i = 0; i < count; i++) {
            int block = i / 256 * 65;
            out[i] = values[words[block + i % 256 / 4] >>> 8 * (i % 4) & 0xff] * Float.intBitsToFloat(words[block + 64]);
        }
        return out;
    }

    private static void assertNearest(float[] exact, Tensor codes, boolean signed) {
        float[] actual = decoded(codes, exact.length, signed);
        float[] values = BlockCodes.values(signed);
        for (int block = 0; block < exact.length; block += 256) {
            float scale = 0;
            int end = Math.min(block + 256, exact.length);
            for (int i = block; i < end; i++) {
                scale = Math.max(scale, Math.abs(exact[i]));
            }
            for (int i = block; i < end; i++) {
                double least = Double.POSITIVE_INFINITY;
                for (float value : values) {
                    boolean allowed = signed || value > 0 == exact[i] > 0;
                    least = allowed ? Math.min(least, Math.abs(value * (double) scale - exact[i])) : least;
                }
                assertThat(Math.abs((double) actual[i] - exact[i])).as("element %d: %s instead of %s", i, actual[i], exact[i])
                        .isLessThanOrEqualTo(least + 1e-6 * Math.max(Math.abs(exact[i]), Math.abs(actual[i])));
                assertThat(signed || actual[i] > 0 == exact[i] > 0).as("0 is the code of 0 alone: %s of %s", actual[i], exact[i]).isTrue();
            }
        }
    }

    @Test
    void stochasticRoundingTakesTheBitsOfItsGenerator() {
        for (int count : new int[] {1, 9, 4099}) {
            for (boolean coded : new boolean[] {false, true}) {
                Tensor w = normal(DType.BF16, 8, 1, count);
                Tensor wide = Tensor.of(w.toFloatArray());
                Tensor gradient = normal(DType.F32, 9, 1, count);
                var rounding = new AdamWStep.Rounding(true, 0x1234_5678_9abc_def0L, 77);
                backend().adamW(new AdamWStep(1, 0.01, 0.9, 0.95, 1e-8, 0.1, 1, rounding), w, gradient, moments(coded, count), moments(coded, count));
                backend().adamW(new AdamWStep(1, 0.01, 0.9, 0.95, 1e-8, 0.1, 1, rounding), wide, gradient, moments(coded, count),
                    moments(coded, count));
                float[] exact = wide.toFloatArray();
                float[] actual = w.toFloatArray();
                for (int i = 0; i < count; i++) {
                    int word = philox(i / 8, 77, 0x1234_5678_9abc_def0L)[i / 2 % 4];
                    int expected = Float.floatToRawIntBits(exact[i]) + (word >>> 16 * (i % 2) & 0xffff) & 0xffff0000;
                    assertThat(actual[i]).as("element %d of %d", i, count).isEqualTo(Float.intBitsToFloat(expected));
                }
            }
        }
    }

    @Test
    void aGradientOfBf16GivesTheBitsOfTheSameNumbersInF32() {
        for (int count : COUNTS) {
            for (boolean coded : new boolean[] {false, true}) {
                for (boolean stochastic : new boolean[] {false, true}) {
                    Tensor[] ours = {normal(DType.BF16, 8, 1, count), moments(coded, count), moments(coded, count)};
                    Tensor[] wide = {normal(DType.BF16, 8, 1, count), moments(coded, count), moments(coded, count)};
                    for (int i = 0; i < 3; i++) {
                        Tensor gradient = of(DType.BF16, gradient(20 + i, count).toFloatArray(), count);
                        var rounding = new AdamWStep.Rounding(stochastic, 5, i);
                        var step = new AdamWStep(i + 1, 0.01, 0.9, 0.95, 1e-8, 0.1, 0.7, rounding);
                        backend().adamW(step, ours[0], gradient, ours[1], ours[2]);
                        backend().adamW(step, wide[0], Tensor.of(gradient.toFloatArray()), wide[1], wide[2]);
                        for (int operand = 0; operand < ours.length; operand++) {
                            assertThat(bytes(ours[operand])).as("operand %d after step %d of %d, moments of 8 bits %s, by chance %s", operand, i + 1,
                                    count, coded, stochastic).isEqualTo(bytes(wide[operand]));
                        }
                    }
                }
            }
        }
    }

    @Test
    void aGradientOfBf16MayBeginAnywhere() {
        int count = 1027;
        Tensor all = normal(DType.BF16, 31, 1, count + 9);
        for (boolean coded : new boolean[] {false, true}) {
            for (int first = 0; first < 9; first++) {
                Tensor gradient = TensorMemory.view(all, Shape.of(count), new long[] {1}, first);
                Tensor[] ours = {normal(DType.BF16, 32, 1, count), moments(coded, count), moments(coded, count)};
                Tensor[] wide = {normal(DType.BF16, 32, 1, count), moments(coded, count), moments(coded, count)};
                var step = new AdamWStep(1, 0.01, 0.9, 0.95, 1e-8, 0.1, 1);
                backend().adamW(step, ours[0], gradient, ours[1], ours[2]);
                backend().adamW(step, wide[0], Tensor.of(gradient.toFloatArray()), wide[1], wide[2]);
                assertThat(bytes(ours[0])).as("from element %d", first).isEqualTo(bytes(wide[0]));
                double[] values = values(gradient);
                assertThat(backend().sumOfSquares(List.of(gradient))).as("from element %d", first)
                        .isCloseTo(dot(values, values), Percentage.withPercentage(1e-10));
            }
        }
    }

    private static Tensor moments(boolean coded, int count) {
        return coded ? Tensor.full(0, DType.I32, BlockCodes.shape(count)) : Tensor.zeros(count);
    }

    /** Philox 4x32-10 (Salmon et al. 2011). */
    private static int[] philox(long low, long high, long key) {
        int[] c = {(int) low, (int) (low >>> 32), (int) high, (int) (high >>> 32)};
        int k0 = (int) key;
        int k1 = (int) (key >>> 32);
        for (int round = 0; round < 10; round++) {
            long p0 = Integer.toUnsignedLong(0xD2511F53) * Integer.toUnsignedLong(c[0]);
            long p1 = Integer.toUnsignedLong(0xCD9E8D57) * Integer.toUnsignedLong(c[2]);
            c = new int[] {(int) (p1 >>> 32) ^ c[1] ^ k0, (int) p1, (int) (p0 >>> 32) ^ c[3] ^ k1, (int) p0};
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return c;
    }

    @Test
    void sumOfSquaresIsThatOfDoublePrecision() {
        for (int count : COUNTS) {
            Tensor x = normal(DType.F32, count, 1, count);
            Tensor y = normal(DType.F32, count + 1, 1e-3, 2, 3);
            double exact = dot(values(x), values(x)) + dot(values(y), values(y));
            assertThat(backend().sumOfSquares(List.of(x, y))).isCloseTo(exact, Percentage.withPercentage(1e-10));
        }
        assertThat(backend().sumOfSquares(List.of())).isZero();
        assertThat(backend().sumOfSquares(List.of(Tensor.full(1e30, DType.F32, Shape.of(100)))))
                .isCloseTo(1e62, Percentage.withPercentage(1e-4));
    }

    @Test
    void sumOfSquaresTakesBf16BesideF32() {
        for (int count : new int[] {1, 7, 17, 4098, 70_001}) {
            List<Tensor> tensors = List.of(normal(DType.BF16, count, 1, count), normal(DType.F32, count + 1, 1, 5),
                    normal(DType.BF16, count + 2, 1e-3, count, 2), normal(DType.F32, count + 3, 1, count));
            double exact = tensors.stream().mapToDouble(tensor -> dot(values(tensor), values(tensor))).sum();
            double sum = backend().sumOfSquares(tensors);
            assertThat(sum).as("%d elements", count).isCloseTo(exact, Percentage.withPercentage(1e-10));
            assertThat(backend().sumOfSquares(tensors)).as("again").isEqualTo(sum);
        }
        assertThat(backend().sumOfSquares(List.of(Tensor.full(0x1p100, DType.BF16, Shape.of(100))))).isEqualTo(100 * 0x1p200);
    }

    @Test
    void sumOfSquaresShowsWhatIsNotFinite() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (int at : new int[] {0, 63, 64, 69_999}) {
                float[] values = new float[70_000];
                values[at] = Float.NEGATIVE_INFINITY;
                assertThat(backend().sumOfSquares(List.of(of(dtype, values, values.length)))).isInfinite();
                values[at] = Float.NaN;
                assertThat(backend().sumOfSquares(List.of(of(dtype, values, values.length)))).isNaN();
            }
        }
    }

    /** The parts of a divided tensor give the sums of the whole, so that processes which have one part each find the norm of all. */
    @Test
    void squaresOfChunksAreThoseOfParts() {
        int chunk = backend().squaresChunk();
        assertThat((1 << 16) % chunk).isZero();
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            Tensor x = normal(dtype, 3, 1, 3 * chunk + 1001);
            Tensor y = normal(dtype, 4, 1, 70);
            double[] all = backend().squaresOfChunks(List.of(x, y));
            assertThat(all).hasSize(5);
            assertThat(all[4]).isCloseTo(dot(values(y), values(y)), Percentage.withPercentage(1e-10));
            assertThat(backend().squaresOfChunks(List.of(x.slice(0, 0, 2L * chunk)))).containsExactly(all[0], all[1]);
            assertThat(backend().squaresOfChunks(List.of(x.slice(0, 2L * chunk, x.elementCount()).contiguous()))).containsExactly(all[2], all[3]);
            assertThat(backend().sumOfChunks(all)).isEqualTo(backend().sumOfSquares(List.of(x, y)));
        }
        assertThat(backend().squaresOfChunks(List.of(Tensor.zeros(0)))).isEmpty();
        assertThat(backend().sumOfChunks()).isZero();
    }

    /** A step of a part is the step of the whole, also where codes have blocks and rounding is by chance. */
    @Test
    void aStepOfAPartIsThatOfTheWhole() {
        int count = 4 * BlockCodes.BLOCK + 100;
        int from = 2 * BlockCodes.BLOCK;
        for (boolean coded : new boolean[] {false, true}) {
            Tensor whole = normal(DType.BF16, 5, 1, count);
            Tensor gradient = normal(DType.F32, 6, 1, count);
            Tensor part = whole.slice(0, from, count).copy();
            Tensor first = moments(coded, count);
            Tensor second = moments(coded, count);
            Tensor firstPart = moments(coded, count - from);
            Tensor secondPart = moments(coded, count - from);
            for (int step = 1; step <= 3; step++) {
                backend().adamW(step(step, 0), whole, gradient, first, second);
                backend().adamW(step(step, from), part, gradient.slice(0, from, count).copy(), firstPart, secondPart);
            }
            assertThat(part.toFloatArray()).as("coded: %s", coded).isEqualTo(whole.slice(0, from, count).toFloatArray());
            Tensor expected = coded ? first.slice(0, 2, first.size(0)) : first.slice(0, from, count);
            assertThat(firstPart.toDoubleArray()).isEqualTo(expected.toDoubleArray());
        }
    }

    private static AdamWStep step(int step, long first) {
        return new AdamWStep(step, 1e-2, 0.9, 0.99, 1e-8, 0.1, 1, new AdamWStep.Rounding(true, 7, step, first));
    }
}
