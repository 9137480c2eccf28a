package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The operands of an {@link OperationCase} and its numbers, one thing changed at a time. */
final class OperandVariants {
    private static final double[] REALS = {
        -1e30, -2, -1, -0.5, -0.0, 0, 1e-30, 0.5, 1, 2, 2.5, 3, 1e30, 1e300, Double.MAX_VALUE, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY,
                Double.NaN
    };
    private static final double[] WHOLES = {
        -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 24, 100, Integer.MAX_VALUE, Integer.MIN_VALUE
    };
    private static final Device ELSEWHERE = OtherDevice.of("elsewhere");

    /** How an operand lies in memory, or why it cannot be used. */
    enum Condition {
        DENSE, TRANSPOSED, STEPPED, OFFSET, EXPANDED, NULL, RELEASED, ELSEWHERE;

        boolean isUsable() {
            return compareTo(NULL) < 0;
        }
    }

    /**
     * A call of the operation.
     *
     * @param what says how it differs from the plain one
     * @param operands what is handed over
     * @param numbers the numbers
     * @param mustBeTaken whether an error is none of the right answers
     * @param mayHaveValue false where only an error is right
     * @param checksGradients whether gradients are compared as well
     */
    record Variant(String what, List<Operand> operands, double[] numbers, boolean mustBeTaken, boolean mayHaveValue, boolean checksGradients) {}

    /**
     * An operand as its values, its type and its memory.
     *
     * @param values what it holds
     * @param type its dtype
     * @param condition how it lies in memory
     */
    record Operand(Reference values, DType type, Condition condition) {
        Operand as(DType other) {
            return new Operand(other == DType.BOOL ? values.map(value -> Math.floorMod(Math.round(value), 2)) : values, other, condition);
        }

        Operand in(Condition other) {
            Reference repeated = other == Condition.EXPANDED && values.shape().length > 0 && values.values().length > 0
                    ? Reference.generate(values.shape(), at -> values.at(first(at))) : values;
            return new Operand(repeated, type, other);
        }

        private static int[] first(int... at) {
            int[] changed = at.clone();
            changed[0] = 0;
            return changed;
        }

        /** The tensor; null where that is its condition. */
        Tensor tensor() {
            long[] shape = values.dimensions();
            int rank = shape.length;
            return switch (condition) {
                case DENSE -> dense(values);
                case TRANSPOSED -> {
                    int[] reversed = IntStream.range(0, rank).map(i -> rank - 1 - i).toArray();
                    yield dense(values.permute(reversed)).permute(reversed);
                }
                case STEPPED -> {
                    Tensor view = Tensor.full(1, type, Shape.of(Arrays.stream(shape).map(extent -> 2 * extent + 1).toArray()));
                    for (int axis = 0; axis < rank; axis++) {
                        view = view.slice(axis, 1, 2 * shape[axis] + 1, 2);
                    }
                    yield view.assign(dense(values));
                }
                case OFFSET -> {
                    long count = values.values().length;
                    Tensor memory = Tensor.full(1, type, Shape.of(count + 3));
                    yield memory.slice(0, 3, 3 + count).assign(dense(values).reshape(count)).reshape(shape);
                }
                case EXPANDED -> {
                    Tensor dense = dense(values);
                    yield rank == 0 || shape[0] == 0 ? dense : dense.slice(0, 0, 1).expand(shape);
                }
                case NULL -> null;
                case RELEASED -> {
                    try (var _ = Scope.open()) {
                        yield dense(values);
                    }
                }
                case ELSEWHERE -> {
                    try (var _ = Scope.open(ELSEWHERE)) {
                        yield keptAlive(dense(values));
                    }
                }
            };
        }

        private static Tensor keptAlive(Tensor tensor) {
            return Scope.detached(ELSEWHERE).adopt(tensor);
        }

        private Tensor dense(Reference dense) {
            Tensor f32 = Tensor.of(dense.floats(), dense.dimensions()).reshape(dense.dimensions());
            return type == DType.F32 ? f32 : Tensor.empty(type, f32.shape()).assign(f32);
        }
    }

    private final OperationCase operation;
    private final List<Operand> plain;
    private final List<Variant> variants = new ArrayList<>();

    private OperandVariants(OperationCase operation) {
        this.operation = operation;
        plain = IntStream.range(0, operation.shapes.size()).mapToObj(i -> operand(i, operation.shapes.get(i))).toList();
    }

    static List<Variant> of(OperationCase operation) {
        var all = new OperandVariants(operation);
        all.types();
        all.conditions();
        all.shapes();
        all.numbers();
        return all.variants;
    }

    private Operand operand(int i, int... shape) {
        return switch (operation.roles.get(i)) {
            case VALUE -> new Operand(values(i, shape), DType.F32, Condition.DENSE);
            case INDEX -> new Operand(generated(shape, at -> (at * 2 + 1) % operation.indexBelow), DType.I32, Condition.DENSE);
            case CONDITION -> new Operand(generated(shape, at -> at % 3 == 0 ? 0 : 1), DType.I32, Condition.DENSE);
        };
    }

    /** Different numbers from a half to 2 that all floating types have; where the operation takes integers, whole ones. */
    private Reference values(int operand, int... shape) {
        return operation.takesIntegers
                ? generated(shape, at -> 1 + (at * 7 + 3 * operand) % 53)
                : generated(shape, at -> 0.5 + ((at * 23 + 31 * operand) % 96) / 64.0);
    }

    private static Reference generated(int[] shape, IntToDoubleFunction value) {
        int count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return Reference.of(IntStream.range(0, count).mapToDouble(value).toArray(), shape);
    }

    private List<Operand> with(int i, Operand changed) {
        List<Operand> operands = new ArrayList<>(plain);
        operands.set(i, changed);
        return operands;
    }

    private void add(String what, List<Operand> operands, boolean mustBeTaken, boolean mayHaveValue, boolean gradients) {
        variants.add(new Variant(what, operands, operation.numbers, mustBeTaken, mayHaveValue, gradients));
    }

    private boolean isTaken(List<Operand> operands) {
        boolean taken = true;
        for (int i = 0; i < operands.size(); i++) {
            boolean floating = operands.get(i).type.isFloating();
            taken &= switch (operation.roles.get(i)) {
                case VALUE -> floating || operation.takesIntegers;
                case INDEX -> operands.get(i).type == DType.I32 || operands.get(i).type == DType.I64;
                case CONDITION -> operands.get(i).type == DType.I32 || operands.get(i).type == DType.BOOL;
            };
        }
        DType[] ofValues = IntStream.range(0, operands.size()).filter(i -> operation.roles.get(i) == OperationCase.Role.VALUE)
                .mapToObj(i -> operands.get(i).type).toArray(DType[]::new);
        return taken && operation.type.apply(ofValues) != null;
    }

    private void types() {
        add("plain", plain, true, true, true);
        for (DType type : DType.values()) {
            for (int i = 0; i < plain.size(); i++) {
                List<Operand> operands = with(i, plain.get(i).as(type));
                boolean taken = isTaken(operands);
                add("operand %d of %s".formatted(i, type), operands, false, taken, taken);
            }
            List<Operand> all = IntStream.range(0, plain.size())
                    .mapToObj(i -> operation.roles.get(i) == OperationCase.Role.VALUE ? plain.get(i).as(type) : plain.get(i)).toList();
            boolean taken = isTaken(all);
            add("all of " + type, all, taken && type.isFloating() && operation.constants == 0, taken, taken);
        }
    }

    private void conditions() {
        for (Condition condition : Condition.values()) {
            for (int i = condition == Condition.NULL && operation.isMethodOfOperand() ? 1 : 0; i < plain.size(); i++) {
                boolean usable = condition.isUsable();
                add("operand %d %s".formatted(i, condition), with(i, plain.get(i).in(condition)), usable && operation.takesStrides, usable, usable);
            }
            if (condition == Condition.NULL && operation.isMethodOfOperand()) {
                continue;
            }
            add("all " + condition, plain.stream().map(operand -> operand.in(condition)).toList(), condition.isUsable() && operation.takesStrides,
                    condition.isUsable(), condition.isUsable());
        }
    }

    private void shapes() {
        for (int i = 0; i < plain.size(); i++) {
            for (int[] shape : changed(operation.shapes.get(i))) {
                add("operand %d %s".formatted(i, Arrays.toString(shape)), with(i, operand(i, shape)), false, true, true);
            }
        }
        // The same extent changed wherever it occurs: a smaller or empty batch, sequence, width.
        for (int extent : plain.stream().flatMapToInt(operand -> Arrays.stream(operand.values.shape())).distinct().toArray()) {
            for (int other : new int[] {0, 1, extent + 1, extent + 2}) {
                List<Operand> all = IntStream.range(0, plain.size()).mapToObj(i -> operand(i, Arrays.stream(operation.shapes.get(i))
                        .map(size -> size == extent ? other : size).toArray())).toList();
                add("extent %d for %d".formatted(other, extent), all, false, true, true);
            }
        }
        if (plain.size() > 1) {
            List<Operand> turned = IntStream.range(0, plain.size()).mapToObj(i -> operand(i, operation.shapes.get((i + 1) % plain.size()))).toList();
            add("shapes exchanged", turned, false, true, true);
        }
    }

    private static List<int[]> changed(int... shape) {
        List<int[]> all = new ArrayList<>(List.of(new int[0], new int[] {1}, new int[] {0}, new int[] {5}));
        for (int axis = 0; axis < shape.length; axis++) {
            for (int extent : new int[] {0, 1, shape[axis] - 1, shape[axis] + 1, 2 * shape[axis]}) {
                int[] other = shape.clone();
                other[axis] = Math.max(0, extent);
                all.add(other);
            }
            int left = axis;
            all.add(IntStream.range(0, shape.length).filter(j -> j != left).map(j -> shape[j]).toArray());
        }
        for (int added : new int[] {1, 2, 0}) {
            all.add(IntStream.concat(IntStream.of(added), Arrays.stream(shape)).toArray());
            all.add(IntStream.concat(Arrays.stream(shape), IntStream.of(added)).toArray());
        }
        return all;
    }

    private void numbers() {
        for (int i = 0; i < operation.numbers.length; i++) {
            for (double number : operation.kinds.get(i) == OperationCase.Kind.REAL ? REALS : WHOLES) {
                double[] numbers = operation.numbers.clone();
                numbers[i] = number;
                variants.add(new Variant("number %d is %s".formatted(i, number), plain, numbers, false, true, false));
            }
        }
    }
}
