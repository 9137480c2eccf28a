package kept.backend.composition;

import java.lang.foreign.MemorySegment;
import java.util.List;
import kept.backend.AdamWStep;
import kept.backend.BlockCodes;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** AdamW and the sum of squares, on the host: elements are downloaded, updated one by one and uploaded, {@value #PART} at a time. */
public final class AdamWComposition {
    /** Elements at a time: whole blocks of codes, and of the random bits that round them. */
    private static final int PART = 1 << 18;

    /** {@link kept.backend.FusedKernels#squaresChunk}. */
    public static final int SQUARES_CHUNK = 1 << 16;

    private AdamWComposition() {}

    /**
     * {@link kept.backend.FusedKernels#squaresOfChunks}.
     *
     * @param tensors rows, floating
     * @return the sums
     */
    public static double[] squaresOfChunks(List<Tensor> tensors) {
        int chunk = SQUARES_CHUNK;
        double[] sums = new double[Math.toIntExact(tensors.stream().mapToLong(tensor -> Math.ceilDiv(tensor.elementCount(), chunk)).sum())];
        int next = 0;
        for (Tensor tensor : tensors) {
            for (long first = 0; first < tensor.elementCount(); first += chunk) {
                double sum = 0;
                for (double value : part(tensor, first, (int) Math.min(chunk, tensor.elementCount() - first)).toDoubleArray()) {
                    sum += value * value;
                }
                sums[next++] = sum;
            }
        }
        return sums;
    }

    /**
     * {@link kept.backend.FusedKernels#sumOfChunks}.
     *
     * @param chunks the sums of chunks
     * @return their sum, in ascending order
     */
    public static double sum(double... chunks) {
        double sum = 0;
        for (double chunk : chunks) {
            sum += chunk;
        }
        return sum;
    }

    /**
     * {@link kept.backend.FusedKernels#adamW}.
     *
     * @param step the step's numbers
     * @param parameter rows, any floating dtype; updated
     * @param gradient rows, F32 or BF16
     * @param firstMoment rows, F32, or block codes, I32; updated
     * @param secondMoment rows, F32, or block codes; updated
     */
    public static void step(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        for (long first = 0; first < parameter.elementCount(); first += PART) {
            int count = partOf(parameter, first);
            float[] w = read(parameter, first, count);
            float[] g = read(gradient, first, count);
            Moment m = Moment.of(firstMoment, first, count, true);
            Moment v = Moment.of(secondMoment, first, count, false);
            update(step, w, g, m.values, v.values);
            m.write();
            v.write();
            if (step.rounding().stochastic() && parameter.dtype() == DType.BF16) {
                StochasticRounding random = new StochasticRounding(step.rounding(), first);
                for (int i = 0; i < count; i++) {
                    w[i] = random.next(w[i]);
                }
            }
            write(w, parameter, first);
        }
    }

    private static void update(AdamWStep step, float[] parameter, float[] gradient, float[] firstMoment, float[] secondMoment) {
        AdamWStep.Factors n = step.factors();
        for (int i = 0; i < parameter.length; i++) {
            float g = gradient[i] * n.gradientScale();
            float m = firstMoment[i] * n.beta1() + g * n.rest1();
            float v = secondMoment[i] * n.beta2() + g * g * n.rest2();
            firstMoment[i] = m;
            secondMoment[i] = v;
            parameter[i] = parameter[i] * n.keep() - m * n.rate() / ((float) Math.sqrt(v) * n.rootFactor() + n.epsilon());
        }
    }

    /** A chunk of a moment, to be updated and written back. */
    private record Moment(Tensor tensor, long first, boolean signed, float[] values) {
        static Moment of(Tensor tensor, long first, int count, boolean signed) {
            float[] values = tensor.dtype() == DType.F32 ? read(tensor, first, count) : decoded(tensor, first, count, signed);
            return new Moment(tensor, first, signed, values);
        }

        private static float[] decoded(Tensor codes, long first, int count, boolean signed) {
            MemorySegment data = words(count);
            codes.backend().download(TensorMemory.buffer(codes), wordOffset(codes, first), data);
            float[] values = new float[count];
            float[] block = new float[BlockCodes.BLOCK];
            for (int from = 0, word = 0; from < count; from += BlockCodes.BLOCK, word += BlockCodes.WORDS) {
                int length = Math.min(BlockCodes.BLOCK, count - from);
                BlockCodes.read(data, word, signed, block, length);
                for (int i = 0; i < length; i++) {
                    values[from + i] = signed ? block[i] : block[i] * block[i];
                }
            }
            return values;
        }

        private static MemorySegment words(int count) {
            return MemorySegment.ofArray(new int[Math.ceilDiv(count, BlockCodes.BLOCK) * BlockCodes.WORDS]);
        }

        private static long wordOffset(Tensor codes, long first) {
            return (codes.offset() + first / BlockCodes.BLOCK * BlockCodes.WORDS) * codes.dtype().bytes();
        }

        void write() {
            if (tensor.dtype() == DType.F32) {
                AdamWComposition.write(values, tensor, first);
                return;
            }
            MemorySegment data = words(values.length);
            float[] block = new float[BlockCodes.BLOCK];
            for (int from = 0, word = 0; from < values.length; from += BlockCodes.BLOCK, word += BlockCodes.WORDS) {
                int length = Math.min(BlockCodes.BLOCK, values.length - from);
                for (int i = 0; i < length; i++) {
                    block[i] = signed ? values[from + i] : (float) Math.sqrt(values[from + i]);
                }
                BlockCodes.write(block, length, data, word, signed);
            }
            tensor.backend().upload(data, TensorMemory.buffer(tensor), wordOffset(tensor, first));
        }
    }

    private static int partOf(Tensor tensor, long first) {
        return (int) Math.min(PART, tensor.elementCount() - first);
    }

    private static float[] read(Tensor rows, long first, int count) {
        return part(rows, first, count).toFloatArray();
    }

    /** Writes values rounded to nearest even, like the device's copies. */
    private static void write(float[] values, Tensor rows, long first) {
        try (var _ = Scope.open(rows.device())) {
            part(rows, first, values.length).assign(Tensor.of(values));
        }
    }

    /** A chunk of rows. */
    private static Tensor part(Tensor rows, long first, int count) {
        return TensorMemory.view(rows, Shape.of(count), new long[] {1}, rows.offset() + first);
    }
}
