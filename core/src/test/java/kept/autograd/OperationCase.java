package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * A public operation with operands that it takes, and what it is to give for any operands: the reference computes in float64 and throws where there
 * is no right value. {@link EveryOperationTest} varies the operands and the numbers.
 */
final class OperationCase {
    /** The operation, on operands and numbers. */
    @FunctionalInterface
    interface Call {
        Tensor on(Tensor[] operands, double[] numbers);
    }

    /** Its value; an exception where there is none. */
    @FunctionalInterface
    interface Value {
        Reference of(Reference[] operands, double[] numbers);
    }

    /** What an operand is for. */
    enum Role {
        /** Numbers: any floating type, and integers where the operation takes them. */
        VALUE,
        /** Positions in the second axis of the first operand, or along its only one. */
        INDEX,
        /** Zeros and ones. */
        CONDITION
    }

    /** What a number is for, which says how it is varied. */
    enum Kind { REAL, WHOLE }

    final String method;
    final List<String> names = new ArrayList<>();
    final List<int[]> shapes = new ArrayList<>();
    final List<Role> roles = new ArrayList<>();
    final List<Kind> kinds = new ArrayList<>();
    double[] numbers = {};
    int indexBelow = 3;
    boolean differentiable = true;
    boolean takesIntegers;
    /** Whether strided operands must be taken. */
    boolean takesStrides = true;
    double slack = 1;
    /** How many of the last operands are not differentiated. */
    int constants;
    Call call;
    Value value;
    Value integerValue;
    Function<DType[], DType> type = OperationCase::promoted;

    /** A case of the method, by its class and its parameters' types, and the names its messages may begin with. */
    OperationCase(String method, String... names) {
        this.method = method;
        this.names.addAll(List.of(names));
    }

    /** Whether the first operand is the tensor that the method is called on. */
    boolean isMethodOfOperand() {
        return Stream.of("Elementwise.", "Reductions.", "Views.", "Products.", "Indexing.", "Logic.", "Arrangements.",
                "Tensor.detach").anyMatch(method::startsWith);
    }

    OperationCase value(int... shape) {
        shapes.add(shape);
        roles.add(Role.VALUE);
        return this;
    }

    OperationCase index(int below, int... shape) {
        shapes.add(shape);
        roles.add(Role.INDEX);
        indexBelow = below;
        return this;
    }

    OperationCase condition(int... shape) {
        shapes.add(shape);
        roles.add(Role.CONDITION);
        return this;
    }

    OperationCase number(Kind kind, double number) {
        kinds.add(kind);
        numbers = Arrays.copyOf(numbers, numbers.length + 1);
        numbers[numbers.length - 1] = number;
        return this;
    }

    OperationCase real(double number) {
        return number(Kind.REAL, number);
    }

    OperationCase whole(double number) {
        return number(Kind.WHOLE, number);
    }

    OperationCase notDifferentiable() {
        differentiable = false;
        return this;
    }

    /** Integers are taken, with the same values or those of another reference. */
    OperationCase integers() {
        takesIntegers = true;
        return this;
    }

    OperationCase integers(Value reference) {
        integerValue = reference;
        return integers();
    }

    OperationCase type(Function<DType[], DType> resultType) {
        type = resultType;
        return this;
    }

    /** How many times the usual tolerance is allowed. */
    OperationCase slack(double times) {
        slack = times;
        return this;
    }

    OperationCase is(Call operation, Value reference) {
        call = operation;
        value = reference;
        return this;
    }

    /** The smallest type that holds the values of all, F32 for F16 and BF16; null where there is none. */
    static DType promoted(DType... types) {
        DType common = types[0];
        for (DType type : types) {
            common = common == null ? null : promoted(common, type);
        }
        return common;
    }

    /** By a table: the types that a type widens to, in order. */
    private static DType promoted(DType a, DType b) {
        List<DType> ofA = wider(a);
        return wider(b).stream().filter(ofA::contains).findFirst().orElse(null);
    }

    /** I64 for integers, as of sums. */
    static DType ofSums(DType type) {
        return type.isFloating() ? type : DType.I64;
    }

    private static List<DType> wider(DType type) {
        return switch (type) {
            case BOOL -> List.of(DType.BOOL, DType.U8, DType.I32, DType.I64, DType.F16, DType.BF16, DType.F32, DType.F64);
            case U8 -> List.of(DType.U8, DType.I32, DType.I64, DType.F16, DType.BF16, DType.F32, DType.F64);
            case I32 -> List.of(DType.I32, DType.I64, DType.F64);
            case I64 -> List.of(DType.I64);
            case F16 -> List.of(DType.F16, DType.F32, DType.F64);
            case BF16 -> List.of(DType.BF16, DType.F32, DType.F64);
            case F32 -> List.of(DType.F32, DType.F64);
            case F64 -> List.of(DType.F64);
        };
    }
}
