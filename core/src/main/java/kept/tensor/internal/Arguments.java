package kept.tensor.internal;

import java.util.Arrays;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.ScopeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Argument checks of operations, with common messages. Kernels do not check: these checks and each operation's own checks of shapes and dtypes ensure
 * the contract of {@link kept.backend.Backend}.
 */
public final class Arguments {
    private Arguments() {}

    /**
     * Checks that an argument is not null.
     *
     * @param <T> its type
     * @param operation the name that an error message starts with
     * @param name what the argument is called
     * @param argument the argument
     * @return the argument
     * @throws TensorException if it is null
     */
    public static <T> T present(String operation, String name, T argument) {
        if (argument == null) {
            throw new TensorException("[%s] %s is null".formatted(operation, name));
        }
        return argument;
    }

    /**
     * Checks operands: none is null or freed, and all are on the device of the current scope.
     *
     * @param operation the name that an error message starts with
     * @param operands the operands
     * @throws TensorException if one is null
     * @throws ScopeException if the memory of one has been freed
     * @throws DeviceException if they live on different devices, or not on the device of the current scope
     */
    public static void usable(String operation, Tensor... operands) {
        for (int i = 0; i < operands.length; i++) {
            if (operands[i] == null) {
                throw new TensorException(operands.length == 1
                        ? "[%s] the operand is null".formatted(operation)
                        : "[%s] operand %d of %d is null".formatted(operation, i + 1, operands.length));
            }
            if (operands[i].isReleased()) {
                throw new ScopeException("[%s] operand %s is used after its scope closed; scope.keep(tensor) hands a result to the enclosing scope"
                        .formatted(operation, operands[i].shape()));
            }
        }
        Device device = Scope.current().device();
        for (Tensor operand : operands) {
            if (operand.device() != operands[0].device()) {
                throw new DeviceException("[%s] operands live on different devices: %s and %s; copy one to the other's device first"
                        .formatted(operation, operands[0].device(), operand.device()));
            }
            if (operand.device() != device) {
                throw new DeviceException("[%s] operands live on %s, but the current scope makes tensors on %s; use Scope.open(tensor.device())"
                        .formatted(operation, operand.device(), device));
            }
        }
    }

    /**
     * Checks that a number is above 0 and finite in f32, as an epsilon under a root must be.
     *
     * @param operation the name that an error message starts with
     * @param name what the number is called
     * @param value the number
     * @return the number
     * @throws TensorException if it is 0, negative, infinite or NaN
     */
    public static double positive(String operation, String name, double value) {
        if (!((float) value > 0) || Float.isInfinite((float) value)) {
            throw new TensorException("[%s] %s must be a finite f32 number above 0, not %s".formatted(operation, name, value));
        }
        return value;
    }

    /**
     * Checks that a number is finite in f32.
     *
     * @param operation the name that an error message starts with
     * @param name what the number is called
     * @param value the number
     * @return the number
     * @throws TensorException if it is infinite or NaN
     */
    public static double finite(String operation, String name, double value) {
        if (!Float.isFinite((float) value)) {
            throw new TensorException("[%s] %s must be a finite f32 number, not %s".formatted(operation, name, value));
        }
        return value;
    }

    /**
     * Checks that a number fits an integer dtype; a floating dtype rounds any number.
     *
     * @param operation the name that an error message starts with
     * @param value the number
     * @param dtype the type
     * @throws DTypeException if the number has a fraction or is out of range
     */
    public static void fits(String operation, double value, DType dtype) {
        boolean fits = switch (dtype) {
            case I32 -> value == (int) value;
            // The largest long rounds to 2^63 as a double, which is not a long.
            case I64 -> value == (long) value && value != 0x1p63;
            case U8 -> value == ((int) value & 0xff);
            case BOOL -> value == 0 || value == 1;
            case F32, BF16, F16, F64 -> true;
        };
        if (!fits) {
            throw new DTypeException("[%s] %s is not %s %s; cast the tensor to f32 first"
                    .formatted(operation, value, dtype.isIndex() ? "an" : "a", dtype.label()));
        }
    }

    /**
     * The type that holds the numbers of two operands, by the rule of {@link DType#promote}.
     *
     * @param operation the name that an error message starts with
     * @param a one operand's type
     * @param b the other's
     * @return the common type
     * @throws DTypeException if no type holds the numbers of both
     */
    public static DType promote(String operation, DType a, DType b) {
        if (a == b || holds(a, b)) {
            return a;
        }
        if (holds(b, a)) {
            return b;
        }
        if (!a.isFloating() || !b.isFloating()) {
            throw new DTypeException("[%s] operands are %s and %s; cast one of them first".formatted(operation, a.label(), b.label()));
        }
        return DType.F32;
    }

    /** Whether all numbers of one type are numbers of a wider type. */
    private static boolean holds(DType wider, DType type) {
        return switch (type) {
            case BOOL -> true;
            case U8 -> wider != DType.BOOL;
            case I32 -> wider == DType.I64 || wider == DType.F64;
            case F32, BF16, F16 -> wider == DType.F64;
            case I64, F64 -> false;
        };
    }

    /**
     * Resolves an axis that may count from the end.
     *
     * @param operation the name that an error message starts with
     * @param shape the operand's shape
     * @param axis the axis; -1 is the innermost
     * @return the axis, from 0
     * @throws ShapeException if there is no such axis
     */
    public static int axis(String operation, Shape shape, int axis) {
        int resolved = axis < 0 ? axis + shape.rank() : axis;
        if (resolved < 0 || resolved >= shape.rank()) {
            throw new ShapeException("[%s] no axis %d in %s".formatted(operation, axis, shape));
        }
        return resolved;
    }

    /**
     * The shape that two operands broadcast to: axes are aligned at the innermost, and an extent of 1 stretches to the other's.
     *
     * @param operation the name that an error message starts with
     * @param a one operand's shape
     * @param b the other's shape
     * @return the common shape
     * @throws ShapeException if two aligned extents differ and neither is 1
     */
    public static Shape broadcast(String operation, Shape a, Shape b) {
        if (a.equals(b)) {
            return a;
        }
        long[] ofA = a.toArray();
        long[] ofB = b.toArray();
        long[] result = new long[Math.max(ofA.length, ofB.length)];
        for (int axis = 1; axis <= result.length; axis++) {
            long left = axis <= ofA.length ? ofA[ofA.length - axis] : 1;
            long right = axis <= ofB.length ? ofB[ofB.length - axis] : 1;
            if (left != right && left != 1 && right != 1) {
                throw new ShapeException("[%s] shapes do not broadcast: %s and %s".formatted(operation, a, b));
            }
            result[result.length - axis] = left == 1 ? right : left;
        }
        return Shape.of(result);
    }

    /**
     * Checks and resolves axes given by a user.
     *
     * @param operation the name that an error message starts with
     * @param x the operand
     * @param axes negative ones count from the last, none means all
     * @return for each axis of the operand, whether it is named
     * @throws TensorException if the operand is not usable, there is no such axis, or one is named twice
     */
    public static boolean[] axes(String operation, Tensor x, int... axes) {
        usable(operation, x);
        boolean[] named = new boolean[x.rank()];
        for (int axis : present(operation, "the list of axes", axes)) {
            int resolved = axis(operation, x.shape(), axis);
            if (named[resolved]) {
                throw new ShapeException("[%s] axis %d of %s is named twice".formatted(operation, axis, x.shape()));
            }
            named[resolved] = true;
        }
        if (axes.length == 0) {
            Arrays.fill(named, true);
        }
        return named;
    }
}
