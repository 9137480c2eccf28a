package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.backend.Binary;
import kept.backend.Unary;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Fill, copy and the functions that treat each element by itself. */
final class ElementwiseKernel {
    private ElementwiseKernel() {}

    static void fill(Tensor out, double value) {
        MemorySegment target = Elements.segment(out);
        Walk walk = Walk.over(out);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long o = positions[0] + i * walk.stride(0);
                if (out.dtype().isFloating()) {
                    Elements.setFloat(target, out.dtype(), o, (float) value);
                } else {
                    Elements.setLong(target, out.dtype(), o, (long) value);
                }
            }
        });
    }

    static void copy(Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        boolean exact = !x.dtype().isFloating();
        Walk walk = Walk.over(out, x);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long o = positions[0] + i * walk.stride(0);
                long s = positions[1] + i * walk.stride(1);
                if (exact) {
                    Elements.setLong(target, out.dtype(), o, Elements.getLong(source, x.dtype(), s));
                } else {
                    Elements.setFloat(target, out.dtype(), o, Elements.getFloat(source, x.dtype(), s));
                }
            }
        });
    }

    static void unary(Unary f, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        DType dtype = x.dtype();
        Walk walk = Walk.over(out, x);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long o = positions[0] + i * walk.stride(0);
                long s = positions[1] + i * walk.stride(1);
                if (dtype.isFloating()) {
                    Elements.setFloat(target, dtype, o, apply(f, Elements.getFloat(source, dtype, s)));
                } else {
                    Elements.setLong(target, dtype, o, apply(f, Elements.getLong(source, dtype, s)));
                }
            }
        });
    }

    static void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        DType dtype = a.dtype();
        Walk walk = Walk.over(out, a, b);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long o = positions[0] + i * walk.stride(0);
                long l = positions[1] + i * walk.stride(1);
                long r = positions[2] + i * walk.stride(2);
                if (dtype.isFloating()) {
                    Elements.setFloat(target, out.dtype(), o, apply(f, Elements.getFloat(left, dtype, l), Elements.getFloat(right, dtype, r)));
                } else {
                    Elements.setLong(target, out.dtype(), o, apply(f, Elements.getLong(left, dtype, l), Elements.getLong(right, dtype, r)));
                }
            }
        });
    }

    static void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        MemorySegment mask = Elements.segment(condition);
        MemorySegment left = Elements.segment(a);
        MemorySegment right = Elements.segment(b);
        MemorySegment target = Elements.segment(out);
        DType dtype = out.dtype();
        Walk walk = Walk.over(out, condition, a, b);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                boolean holds = Elements.getLong(mask, condition.dtype(), positions[1] + i * walk.stride(1)) != 0;
                MemorySegment source = holds ? left : right;
                int operand = holds ? 2 : 3;
                long s = positions[operand] + i * walk.stride(operand);
                long o = positions[0] + i * walk.stride(0);
                if (dtype.isFloating()) {
                    Elements.setFloat(target, dtype, o, Elements.getFloat(source, dtype, s));
                } else {
                    Elements.setLong(target, dtype, o, Elements.getLong(source, dtype, s));
                }
            }
        });
    }

    private static float apply(Unary f, float x) {
        return switch (f) {
            case NEGATE -> -x;
            case ABS -> Math.abs(x);
            case EXP -> VectorMath.exp(x);
            case LOG -> VectorMath.log(x);
            case SQRT -> (float) Math.sqrt(x);
            case RSQRT -> 1 / (float) Math.sqrt(x);
            case TANH -> VectorMath.tanh(x);
            case SIGMOID -> VectorMath.sigmoid(x);
            case SILU -> x * VectorMath.sigmoid(x);
            case GELU -> x * VectorMath.sigmoid(2 * 0.7978846f * (x + 0.044715f * x * x * x));
            case RELU -> x < 0 ? 0 : x;
        };
    }

    private static long apply(Unary f, long x) {
        return switch (f) {
            case NEGATE -> -x;
            case ABS -> Math.abs(x);
            case RELU -> Math.max(x, 0);
            default -> throw new kept.tensor.DTypeException("[%s] needs a floating type; cast first".formatted(f));
        };
    }

    private static float apply(Binary f, float a, float b) {
        return switch (f) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> a / b;
            case MINIMUM -> Math.min(a, b);
            case MAXIMUM -> Math.max(a, b);
            case EQUAL -> a == b ? 1 : 0;
            case NOT_EQUAL -> a != b ? 1 : 0;
            case LESS -> a < b ? 1 : 0;
            case LESS_EQUAL -> a <= b ? 1 : 0;
            case GREATER -> a > b ? 1 : 0;
            case GREATER_EQUAL -> a >= b ? 1 : 0;
        };
    }

    private static long apply(Binary f, long a, long b) {
        return switch (f) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> a / b;
            case MINIMUM -> Math.min(a, b);
            case MAXIMUM -> Math.max(a, b);
            case EQUAL -> a == b ? 1 : 0;
            case NOT_EQUAL -> a != b ? 1 : 0;
            case LESS -> a < b ? 1 : 0;
            case LESS_EQUAL -> a <= b ? 1 : 0;
            case GREATER -> a > b ? 1 : 0;
            case GREATER_EQUAL -> a >= b ? 1 : 0;
        };
    }
}
