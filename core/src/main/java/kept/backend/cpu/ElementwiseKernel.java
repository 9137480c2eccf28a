package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.Binary;
import kept.backend.Unary;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Elementwise kernels: floating operands as vectors of f32, integers one by one in 64 bits. */
final class ElementwiseKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** GELU by tanh is {@code x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))}. */
    private static final float GELU_1 = 1.59576912f;
    private static final float GELU_3 = GELU_1 * 0.044715f;

    private static final float SQRT_HALF = 0.707106781f;

    private static final Map<Unary, ElementwiseLoop> UNARY = new EnumMap<>(Unary.class);
    private static final Map<Binary, ElementwiseLoop> BINARY = new EnumMap<>(Binary.class);

    static {
        for (Unary f : Unary.values()) {
            UNARY.put(f, UnaryLoop.of(function(f)));
        }
        for (Binary f : Binary.values()) {
            BINARY.put(f, BinaryLoop.of(function(f)));
        }
    }

    /** A kernel's work on a run, with the windows of the result and of the operands. */
    @FunctionalInterface
    private interface Body {
        void run(RunWindow[] windows, int count);
    }

    private ElementwiseKernel() {}

    /**
     * {@code out = f(x)}.
     *
     * @param f the function
     * @param x the operand
     * @param out the result
     */
    static void unary(Unary f, Tensor x, Tensor out) {
        if (x.dtype() == DType.F64) {
            DoubleLoops.unary(f, x, out);
        } else if (x.dtype().isFloating()) {
            ElementwiseLoop loop = UNARY.get(f);
            map((w, count) -> loop.run(w[1].memory(), w[1].at(), w[1].memory(), w[1].at(), w[0].memory(), w[0].at(), count), out, x);
        } else {
            LongUnaryOperator function = f.ofIntegers();
            mapIntegers((a, _) -> function.applyAsLong(a), out, x, x);
        }
    }

    /**
     * {@code out = f(a, b)}.
     *
     * @param f the function
     * @param a one operand
     * @param b the other
     * @param out the result
     */
    static void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        if (a.dtype() == DType.F64) {
            DoubleLoops.binary(f, a, b, out);
        } else if (a.dtype().isFloating()) {
            ElementwiseLoop loop = loop(f);
            map((w, count) -> loop.run(w[1].memory(), w[1].at(), w[2].memory(), w[2].at(), w[0].memory(), w[0].at(), count), out, a, b);
        } else {
            mapIntegers(f.ofIntegers(), out, a, b);
        }
    }

    /**
     * The loop of a function.
     *
     * @param f the function; a comparison gives 1 or 0
     * @return its loop over neighbouring f32
     */
    static ElementwiseLoop loop(Binary f) {
        return BINARY.get(f);
    }

    /**
     * {@code out = condition != 0 ? a : b}.
     *
     * @param condition true where the first operand is chosen
     * @param a one operand
     * @param b the other
     * @param out the result
     */
    static void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        if (a.dtype().arithmetic() == DType.F32) {
            map(ElementwiseKernel::choose, out, condition, a, b);
            return;
        }
        MemorySegment mask = Elements.segment(condition);
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, condition, a, b);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                boolean holds = Elements.getLong(mask, condition.dtype(), p[1] + i * iterator.stride(1)) != 0;
                CopyKernel.move(holds ? left : right, holds ? p[2] + i * iterator.stride(2) : p[3] + i * iterator.stride(3), 1,
                        target, p[0] + i * iterator.stride(0), 1, out.dtype().bytes(), 1);
            }
        });
    }

    private static void choose(RunWindow[] windows, int count) {
        int whole = SPECIES.loopBound(count);
        chooseWhole(windows, whole);
        if (whole < count) {
            chooseRest(windows, whole, count - whole);
        }
    }

    private static void chooseWhole(RunWindow[] windows, int count) {
        MemorySegment condition = windows[1].view(count);
        MemorySegment a = windows[2].view(count);
        MemorySegment b = windows[3].view(count);
        MemorySegment out = windows[0].view(count);
        for (int i = 0; i < count; i += SPECIES.length()) {
            VectorMask<Float> holds = FloatVector.fromMemorySegment(SPECIES, condition, 4L * i, ORDER).compare(VectorOperators.NE, 0f);
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, a, 4L * i, ORDER);
            FloatVector.fromMemorySegment(SPECIES, b, 4L * i, ORDER).blend(x, holds).intoMemorySegment(out, 4L * i, ORDER);
        }
    }

    private static void chooseRest(RunWindow[] windows, int first, int count) {
        VectorMask<Float> mask = SPECIES.indexInRange(0, count);
        long at = 4L * first;
        VectorMask<Float> holds = rest(windows[1], at, mask).compare(VectorOperators.NE, 0f);
        FloatVector chosen = rest(windows[3], at, mask).blend(rest(windows[2], at, mask), holds);
        chosen.intoMemorySegment(windows[0].memory(), windows[0].at() + at, ORDER, mask);
    }

    private static FloatVector rest(RunWindow window, long at, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, window.memory(), window.at() + at, ORDER, mask);
    }

    private static void map(Body body, Tensor... tensors) {
        StridedIterator iterator = StridedIterator.over(tensors);
        iterator.forEachTask(() -> {
            RunWindow[] windows = iterator.windows(tensors);
            return (positions, count) -> {
                windows[0].place(positions[0]);
                for (int i = 1; i < windows.length; i++) {
                    windows[i].read(positions[i], count);
                }
                body.run(windows, count);
                windows[0].write(positions[0], count);
            };
        });
    }

    private static void mapIntegers(LongBinaryOperator function, Tensor out, Tensor a, Tensor b) {
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, a, b);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                long x = Elements.getLong(left, a.dtype(), p[1] + i * iterator.stride(1));
                long y = Elements.getLong(right, b.dtype(), p[2] + i * iterator.stride(2));
                Elements.setLong(target, out.dtype(), p[0] + i * iterator.stride(0), function.applyAsLong(x, y));
            }
        });
    }

    private static UnaryLoop.Function function(Unary f) {
        return switch (f) {
            case NEGATE -> x -> x.neg();
            case ABS -> x -> x.abs();
            case EXP -> x -> VectorMath.exp(x);
            case LOG -> x -> VectorMath.log(x);
            case SQRT -> x -> x.sqrt();
            case RSQRT -> x -> FloatVector.broadcast(SPECIES, 1f).div(x.sqrt());
            case TANH -> x -> VectorMath.tanh(x);
            case SIGMOID -> x -> VectorMath.sigmoid(x);
            case SILU -> x -> x.mul(VectorMath.sigmoid(x));
            case SIN -> x -> Trigonometry.sin(x);
            case COS -> x -> Trigonometry.cos(x);
            case ERF -> x -> VectorMath.erf(x);
            case FLOOR -> x -> floor(x);
            case CEIL -> x -> floor(x.neg()).neg();
            case ROUND -> x -> round(x);
            case SIGN -> x -> FloatVector.zero(SPECIES).blend(1f, x.compare(VectorOperators.GT, 0f)).blend(-1f, x.compare(VectorOperators.LT, 0f));
            case GELU -> x -> x.mul(0.5f).mul(VectorMath.erf(x.mul(SQRT_HALF)).add(1f));
            case GELU_TANH -> x -> x.mul(VectorMath.sigmoid(x.mul(x).mul(GELU_3).add(GELU_1).mul(x)));
            case RELU -> x -> x.max(0f);
        };
    }

    /**
     * All f32 from 2^23 on are whole numbers. Below, adding and subtracting 2^23 rounds to a whole number, to the even one if two are equally near.
     */
    private static FloatVector round(FloatVector x) {
        FloatVector a = x.abs();
        FloatVector rounded = a.add(0x1p23f).sub(0x1p23f);
        IntVector sign = x.reinterpretAsInts().and(Integer.MIN_VALUE);
        return x.blend(rounded.reinterpretAsInts().or(sign).reinterpretAsFloats(), a.compare(VectorOperators.LT, 0x1p23f));
    }

    private static FloatVector floor(FloatVector x) {
        FloatVector rounded = round(x);
        return rounded.blend(rounded.sub(1f), rounded.compare(VectorOperators.GT, x));
    }

    private static BinaryLoop.Function function(Binary f) {
        return switch (f) {
            case ADD -> (a, b) -> a.add(b);
            case SUBTRACT -> (a, b) -> a.sub(b);
            case MULTIPLY -> (a, b) -> a.mul(b);
            case DIVIDE -> (a, b) -> a.div(b);
            case MINIMUM -> (a, b) -> a.min(b);
            case MAXIMUM -> (a, b) -> a.max(b);
            case EQUAL -> (a, b) -> oneWhere(a.compare(VectorOperators.EQ, b));
            case NOT_EQUAL -> (a, b) -> oneWhere(a.compare(VectorOperators.NE, b));
            case LESS -> (a, b) -> oneWhere(a.compare(VectorOperators.LT, b));
            case LESS_EQUAL -> (a, b) -> oneWhere(a.compare(VectorOperators.LE, b));
            case GREATER -> (a, b) -> oneWhere(a.compare(VectorOperators.GT, b));
            case GREATER_EQUAL -> (a, b) -> oneWhere(a.compare(VectorOperators.GE, b));
        };
    }

    private static FloatVector oneWhere(VectorMask<Float> mask) {
        return FloatVector.zero(SPECIES).blend(1f, mask);
    }
}
