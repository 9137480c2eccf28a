package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.AdamWStep;
import kept.backend.TensorMemory;
import kept.backend.composition.StochasticRounding;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** An AdamW step in one pass over memory, and the sum of squares for clipping gradients. */
final class OptimizerKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final int DOUBLE_LANES = DOUBLES.length();
    /** A vector of as many f32 as {@link #DOUBLES} has lanes. */
    private static final VectorSpecies<Float> HALVES = VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int BLOCK = RowMath.BLOCK;
    /** The number of elements whose coded moments are decoded at a time: whole blocks of codes. */
    private static final long CODED = 1L << 20;

    /** {@link kept.backend.Backend#squaresChunk}. */
    static final int SQUARES_CHUNK = (int) RowWindow.TASK;

    private OptimizerKernel() {}

    /**
     * {@link kept.backend.Backend#adamW}.
     *
     * @param step the step's numbers
     * @param parameter rows, updated
     * @param gradient rows, widened as they are read
     * @param firstMoment rows, updated
     * @param secondMoment rows, updated
     */
    static void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        if (firstMoment.dtype() == DType.F32) {
            adamW(step, parameter, gradient, firstMoment, secondMoment, 0);
            return;
        }
        long count = parameter.elementCount();
        for (long first = 0; first < count; first += CODED) {
            long length = Math.min(CODED, count - first);
            try (var _ = Scope.open(parameter.device())) {
                Tensor m = Tensor.empty(DType.F32, Shape.of(length));
                Tensor v = Tensor.empty(DType.F32, Shape.of(length));
                CodedMoments.readFirst(firstMoment, first, m);
                CodedMoments.readSecond(secondMoment, first, v);
                adamW(step, part(parameter, first, length), part(gradient, first, length), m, v, first);
                CodedMoments.writeFirst(m, firstMoment, first);
                CodedMoments.writeSecond(v, secondMoment, first);
            }
        }
    }

    /** A part of rows. */
    private static Tensor part(Tensor rows, long first, long length) {
        return TensorMemory.view(rows, Shape.of(length), new long[] {1}, rows.offset() + first);
    }

    /** The step on a parameter, or on a part of one that starts at an index. */
    private static void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment, long number) {
        AdamWStep.Factors factors = step.factors();
        boolean stochastic = step.rounding().stochastic() && parameter.dtype() == DType.BF16;
        WorkerPool.shared().forRanges(parameter.elementCount(), RowWindow.TASK, (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow w = new RowWindow(parameter, BLOCK, arena);
                RowWindow g = new RowWindow(gradient, BLOCK, arena);
                RowWindow m = new RowWindow(firstMoment, BLOCK, arena);
                RowWindow v = new RowWindow(secondMoment, BLOCK, arena);
                for (long block = first; block < end; block += BLOCK) {
                    int count = (int) Math.min(BLOCK, end - block);
                    adamW(factors, w.read(block, count), g.read(block, count), m.read(block, count), v.read(block, count), count);
                    if (stochastic) {
                        round(step.rounding(), number + block, w.slice(count), count);
                    }
                    w.write(block, count);
                }
            }
        });
    }

    private static void adamW(
            AdamWStep.Factors factors, RowWindow weights, RowWindow gradients, RowWindow firstMoments, RowWindow secondMoments, int count) {
        int whole = SPECIES.loopBound(count);
        adamWWhole(factors, weights, gradients, firstMoments, secondMoments, whole);
        if (whole < count) {
            adamWEnd(factors, weights, gradients, firstMoments, secondMoments, count);
        }
    }

    private static void adamWWhole(
            AdamWStep.Factors factors, RowWindow weights, RowWindow gradients, RowWindow firstMoments, RowWindow secondMoments, int count) {
        MemorySegment ws = weights.view(count);
        MemorySegment gs = gradients.view(count);
        MemorySegment ms = firstMoments.view(count);
        MemorySegment vs = secondMoments.view(count);
        for (int i = 0; i < count; i += LANES) {
            long p = 4L * i;
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, gs, p, ORDER).mul(factors.gradientScale());
            FloatVector m = FloatVector.fromMemorySegment(SPECIES, ms, p, ORDER).mul(factors.beta1()).add(g.mul(factors.rest1()));
            FloatVector v = FloatVector.fromMemorySegment(SPECIES, vs, p, ORDER).mul(factors.beta2()).add(g.mul(g).mul(factors.rest2()));
            m.intoMemorySegment(ms, p, ORDER);
            v.intoMemorySegment(vs, p, ORDER);
            FloatVector w = FloatVector.fromMemorySegment(SPECIES, ws, p, ORDER).mul(factors.keep());
            FloatVector root = v.lanewise(VectorOperators.SQRT).mul(factors.rootFactor()).add(factors.epsilon());
            w.sub(m.mul(factors.rate()).div(root)).intoMemorySegment(ws, p, ORDER);
        }
    }

    private static void adamWEnd(
            AdamWStep.Factors factors, RowWindow weights, RowWindow gradients, RowWindow firstMoments, RowWindow secondMoments, int count) {
        int first = SPECIES.loopBound(count);
        VectorMask<Float> mask = SPECIES.indexInRange(first, count);
        long p = 4L * first;
        MemorySegment ws = weights.view(count);
        MemorySegment ms = firstMoments.view(count);
        MemorySegment vs = secondMoments.view(count);
        FloatVector g = FloatVector.fromMemorySegment(SPECIES, gradients.view(count), p, ORDER, mask).mul(factors.gradientScale());
        FloatVector m = FloatVector.fromMemorySegment(SPECIES, ms, p, ORDER, mask).mul(factors.beta1()).add(g.mul(factors.rest1()));
        FloatVector v = FloatVector.fromMemorySegment(SPECIES, vs, p, ORDER, mask).mul(factors.beta2()).add(g.mul(g).mul(factors.rest2()));
        m.intoMemorySegment(ms, p, ORDER, mask);
        v.intoMemorySegment(vs, p, ORDER, mask);
        FloatVector w = FloatVector.fromMemorySegment(SPECIES, ws, p, ORDER, mask).mul(factors.keep());
        FloatVector root = v.lanewise(VectorOperators.SQRT).mul(factors.rootFactor()).add(factors.epsilon());
        w.sub(m.mul(factors.rate()).div(root)).intoMemorySegment(ws, p, ORDER, mask);
    }

    /** Rounds elements that start at an index of their parameter. */
    private static void round(AdamWStep.Rounding rounding, long first, MemorySegment elements, int count) {
        MemorySegment x = NativeView.of(elements);
        StochasticRounding random = new StochasticRounding(rounding, first);
        for (int i = 0; i < count; i++) {
            x.set(JAVA_FLOAT, 4L * i, random.next(x.get(JAVA_FLOAT, 4L * i)));
        }
    }

    /**
     * {@link kept.backend.Backend#squaresOfChunks}. The square of an f32 is exact in double precision. BF16 gives the bits of the same numbers in
     * F32.
     *
     * @param tensors rows, F32, BF16 or F64
     * @return the sums
     */
    static double[] squaresOfChunks(List<Tensor> tensors) {
        double[] chunks = new double[Math.toIntExact(tensors.stream().mapToLong(OptimizerKernel::chunks).sum())];
        int first = 0;
        for (Tensor tensor : tensors) {
            squaresOfChunks(tensor, chunks, first);
            first += Math.toIntExact(chunks(tensor));
        }
        return chunks;
    }

    private static long chunks(Tensor tensor) {
        return Math.ceilDiv(tensor.elementCount(), SQUARES_CHUNK);
    }

    private static void squaresOfChunks(Tensor tensor, double[] chunks, int place) {
        MemorySegment memory = Elements.segment(tensor);
        WorkerPool.shared().forRanges(tensor.elementCount(), SQUARES_CHUNK, (first, end) -> {
            int length = (int) (end - first);
            long bytes = tensor.dtype().bytes();
            MemorySegment chunk = memory.asSlice((tensor.offset() + first) * bytes, length * bytes);
            chunks[place + (int) (first / SQUARES_CHUNK)] = switch (tensor.dtype()) {
                case BF16 -> sumOfSquaresBf16(chunk, length);
                case F64 -> sumOfSquaresF64(chunk, length);
                default -> sumOfSquares(chunk, length);
            };
        });
    }

    private static double sumOfSquaresF64(MemorySegment x, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            double value = x.get(JAVA_DOUBLE, 8L * i);
            sum += value * value;
        }
        return sum;
    }

    private static double sumOfSquares(MemorySegment x, int count) {
        x = NativeView.of(x);
        DoubleVector s0 = DoubleVector.zero(DOUBLES);
        DoubleVector s1 = s0;
        int i = 0;
        for (; i <= count - 2 * DOUBLE_LANES; i += 2 * DOUBLE_LANES) {
            long p = 4L * i;
            DoubleVector a = (DoubleVector) FloatVector.fromMemorySegment(HALVES, x, p, ORDER).convertShape(VectorOperators.F2D, DOUBLES, 0);
            DoubleVector b = (DoubleVector) FloatVector.fromMemorySegment(HALVES, x, p + 4L * DOUBLE_LANES, ORDER)
                    .convertShape(VectorOperators.F2D, DOUBLES, 0);
            s0 = a.fma(a, s0);
            s1 = b.fma(b, s1);
        }
        double sum = 0;
        for (double lane : s0.add(s1).toArray()) {
            sum += lane;
        }
        for (; i < count; i++) {
            double value = x.get(JAVA_FLOAT, 4L * i);
            sum += value * value;
        }
        return sum;
    }

    /** In the order of {@link #sumOfSquares(MemorySegment, int)}: a vector of f32 is two of doubles. */
    private static double sumOfSquaresBf16(MemorySegment x, int count) {
        x = NativeView.of(x);
        DoubleVector s0 = DoubleVector.zero(DOUBLES);
        DoubleVector s1 = s0;
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector wide = Elements.bf16(x, 2L * i);
            DoubleVector a = (DoubleVector) wide.convertShape(VectorOperators.F2D, DOUBLES, 0);
            DoubleVector b = (DoubleVector) wide.convertShape(VectorOperators.F2D, DOUBLES, 1);
            s0 = a.fma(a, s0);
            s1 = b.fma(b, s1);
        }
        double sum = 0;
        for (double lane : s0.add(s1).toArray()) {
            sum += lane;
        }
        for (; i < count; i++) {
            double value = Bfloat16.toFloat(x.get(JAVA_SHORT, 2L * i));
            sum += value * value;
        }
        return sum;
    }
}
