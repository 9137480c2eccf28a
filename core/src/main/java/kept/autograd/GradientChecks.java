package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Compares the gradients of a function with central differences of its values: {@code GradientChecks.check(x -> x[0].exp(), x).throwIfWrong()}. The
 * function's result is multiplied by fixed random weights and summed; each element of each operand is changed by a step and by half of it (Richardson
 * extrapolation), which leaves an error of fourth order in the step. Operands in F64 are checked to nine digits, with a step of 1/1024; those in F32,
 * with one of 1/16, to about three. A function cannot be checked where it has a discontinuity, a kink or the end of its domain within a step of an
 * operand's element.
 */
public final class GradientChecks {
    /** The step of the differences for F32. */
    private static final double STEP = 0x1p-4;
    /** The step for F64. */
    private static final double SMALL_STEP = 0x1p-10;
    /** The tolerance for F32, relative to the larger of 1 and the operand's largest gradient. */
    private static final double TOLERANCE = 2e-3;
    /** The tolerance for F64. */
    private static final double SMALL_TOLERANCE = 1e-9;

    private final Function<Tensor[], Tensor> function;
    private final Tensor[] operands;
    private float[] weights;

    private GradientChecks(Function<Tensor[], Tensor> function, Tensor... operands) {
        this.function = function;
        this.operands = operands;
    }

    /**
     * An element whose gradient differs from the finite difference.
     *
     * @param operand the operand's index, from 0
     * @param index the element's index along each axis
     * @param gradient the gradient of the backward pass
     * @param difference the finite difference of the values
     */
    public record Mismatch(int operand, List<Long> index, double gradient, double difference) {
        @Override
        public String toString() {
            return "operand %d at %s: gradient %s, finite difference %s".formatted(operand, index, gradient, difference);
        }
    }

    /**
     * The result of a check.
     *
     * @param elements the number of compared gradients
     * @param mismatches the gradients that differ, in order
     * @param maxError the largest difference, relative to the largest gradient of its operand, at least 1
     */
    public record Report(long elements, List<Mismatch> mismatches, double maxError) {
        /** Copies the list. */
        public Report {
            mismatches = List.copyOf(Arguments.present("gradient check", "the list of mismatches", mismatches));
        }

        /**
         * Whether all gradients agree.
         *
         * @return true if there is no mismatch
         */
        public boolean isRight() {
            return mismatches.isEmpty();
        }

        /**
         * Throws if a gradient is wrong.
         *
         * @throws TensorException if a gradient differs; the message lists the first ones
         */
        public void throwIfWrong() {
            if (!isRight()) {
                throw new TensorException("[gradient check] %d of %d gradients are wrong: %s%s".formatted(mismatches.size(), elements,
                        mismatches.stream().limit(5).map(Mismatch::toString).collect(Collectors.joining("; ")),
                        mismatches.size() > 5 ? "; ..." : ""));
            }
        }
    }

    /**
     * Compares the gradients of all floating operands. The operands are not changed; each element costs four calls of the function.
     *
     * @param function a deterministic function of operands with these shapes and dtypes
     * @param operands the operands; gradients of F32 and F64 operands are checked
     * @return the result of the check
     * @throws TensorException if no operand is F32 or F64, or the result does not depend on one that autograd recorded
     */
    public static Report check(Function<Tensor[], Tensor> function, Tensor... operands) {
        Arguments.present("gradient check", "the function", function);
        Arguments.usable("gradient check", Arguments.present("gradient check", "the array of operands", operands));
        if (Arrays.stream(operands).noneMatch(GradientChecks::isChecked)) {
            throw new TensorException("[gradient check] no operand is f32 or f64; cast one first");
        }
        try (var _ = Scope.open()) {
            return new GradientChecks(function, operands).run();
        }
    }

    private Report run() {
        Tensor[] leaves = Arrays.stream(operands).map(operand -> operand.detach().copy()).toArray(Tensor[]::new);
        for (Tensor leaf : leaves) {
            if (isChecked(leaf)) {
                leaf.requireGradient();
            }
        }
        Tensor result = function.apply(leaves);
        weights = Tensor.uniform(4711, 0, result.elementCount()).add(0.5).toFloatArray();
        Autograd.backward(result, Tensor.of(weights).reshape(result.shape()).cast(result.dtype().arithmetic()));
        List<Mismatch> mismatches = new ArrayList<>();
        long elements = 0;
        double largest = 0;
        for (int i = 0; i < leaves.length; i++) {
            if (!isChecked(leaves[i])) {
                continue;
            }
            int count = Math.toIntExact(leaves[i].elementCount());
            double[] gradients = leaves[i].gradient() == null ? new double[count] : leaves[i].gradient().toDoubleArray();
            double[] differences = differences(i);
            double scale = Math.max(1, Arrays.stream(differences).map(Math::abs).filter(Double::isFinite).max().orElse(0));
            for (int element = 0; element < count; element++) {
                double error = Math.abs(gradients[element] - differences[element]) / scale;
                largest = Math.max(largest, error);
                if (!(error <= (leaves[i].dtype() == DType.F64 ? SMALL_TOLERANCE : TOLERANCE))) {
                    mismatches.add(new Mismatch(i, index(leaves[i], element), gradients[element], differences[element]));
                }
            }
            elements += count;
        }
        return new Report(elements, mismatches, largest);
    }

    private double[] differences(int operand) {
        double[] values = operands[operand].detach().toDoubleArray();
        double step = operands[operand].dtype() == DType.F64 ? SMALL_STEP : STEP;
        double[] differences = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            differences[i] = (4 * difference(operand, values, i, step / 2) - difference(operand, values, i, step)) / 3;
        }
        return differences;
    }

    private double difference(int operand, double[] values, int element, double step) {
        boolean rounds = operands[operand].dtype() == DType.F32;
        double above = rounds ? (float) (values[element] + step) : values[element] + step;
        double below = rounds ? (float) (values[element] - step) : values[element] - step;
        return (value(operand, values, element, above) - value(operand, values, element, below)) / (above - below);
    }

    private static boolean isChecked(Tensor operand) {
        return operand.dtype() == DType.F32 || operand.dtype() == DType.F64;
    }

    private static Tensor tensor(DType dtype, double... values) {
        if (dtype == DType.F64) {
            return Tensor.of(values);
        }
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return Tensor.of(floats);
    }

    /** The weighted sum of the results with one element changed. */
    private double value(int operand, double[] values, int element, double changed) {
        try (var _ = Scope.open()) {
            double[] moved = values.clone();
            moved[element] = changed;
            Tensor[] all = Arrays.stream(operands).map(Tensor::detach).toArray(Tensor[]::new);
            all[operand] = tensor(operands[operand].dtype(), moved).reshape(operands[operand].shape());
            double[] results = Autograd.withoutRecording(() -> function.apply(all)).toDoubleArray();
            double sum = 0;
            for (int i = 0; i < results.length; i++) {
                sum += weights[i] * results[i];
            }
            return sum;
        }
    }

    private static List<Long> index(Tensor x, int element) {
        Long[] index = new Long[x.rank()];
        long left = element;
        for (int axis = x.rank() - 1; axis >= 0; axis--) {
            index[axis] = left % x.size(axis);
            left /= x.size(axis);
        }
        return List.of(index);
    }
}
