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
 * Compares the gradients of a function of tensors with differences of its values: {@code GradientChecks.check(x -> x[0].exp(), x).throwIfWrong()}.
 * The function's result is multiplied by fixed random weights and summed; each element of each operand is moved by a sixteenth to both sides, and by
 * half of that, so that an error of the fourth order in the step is left. Values are f32, so gradients agree to about three digits. A function that
 * jumps, has a corner or ends so near to an operand's element cannot be checked there.
 */
public final class GradientChecks {
    /** By how much elements are moved. */
    private static final double STEP = 0x1p-4;
    /** What is allowed, of the largest gradient of an operand and at least 1. */
    private static final double TOLERANCE = 2e-3;

    private final Function<Tensor[], Tensor> function;
    private final Tensor[] operands;
    private float[] weights;

    private GradientChecks(Function<Tensor[], Tensor> function, Tensor... operands) {
        this.function = function;
        this.operands = operands;
    }

    /**
     * An element whose gradient is not that of the function's values.
     *
     * @param operand which operand, from 0
     * @param index the element's place on each axis
     * @param gradient what backward gives
     * @param difference what the values give
     */
    public record Mismatch(int operand, List<Long> index, double gradient, double difference) {
        @Override
        public String toString() {
            return "operand %d at %s: backward gives %s, the values' difference %s".formatted(operand, index, (float) gradient, (float) difference);
        }
    }

    /**
     * What a check has found.
     *
     * @param elements how many gradients were compared
     * @param mismatches those that differ, in order
     * @param largestError the largest difference, relative to the largest gradient of its operand, at least 1
     */
    public record Report(long elements, List<Mismatch> mismatches, double largestError) {
        /** Copies the list. */
        public Report {
            mismatches = List.copyOf(mismatches);
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
         * Stops where a gradient is wrong.
         *
         * @throws TensorException if some gradient does not agree; the message names the first ones
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
     * Compares the gradients of all floating operands. The operands stay as they are; each element costs four calls of the function.
     *
     * @param function of operands with the shapes and dtypes of the given ones; the same values give the same result
     * @param operands the operands: F32 where gradients are checked; integers are handed over as they are
     * @return what was found
     * @throws TensorException if no operand is F32, or the result does not depend on one as far as the tape knows
     */
    public static Report check(Function<Tensor[], Tensor> function, Tensor... operands) {
        Arguments.present("gradient check", "the function", function);
        Arguments.usable("gradient check", Arguments.present("gradient check", "the array of operands", operands));
        if (Arrays.stream(operands).noneMatch(operand -> operand.dtype() == DType.F32)) {
            throw new TensorException("[gradient check] no operand is f32; cast one first");
        }
        try (var _ = Scope.open()) {
            return new GradientChecks(function, operands).run();
        }
    }

    private Report run() {
        Tensor[] leaves = Arrays.stream(operands).map(operand -> operand.detach().copy()).toArray(Tensor[]::new);
        for (Tensor leaf : leaves) {
            if (leaf.dtype() == DType.F32) {
                leaf.requireGradient();
            }
        }
        Tensor result = function.apply(leaves);
        weights = Tensor.uniform(4711, 0, result.elementCount()).add(0.5).toFloatArray();
        Autograd.backward(result, Tensor.of(weights).reshape(result.shape()));
        List<Mismatch> mismatches = new ArrayList<>();
        long elements = 0;
        double largest = 0;
        for (int i = 0; i < leaves.length; i++) {
            if (leaves[i].dtype() != DType.F32) {
                continue;
            }
            int count = Math.toIntExact(leaves[i].elementCount());
            float[] gradients = leaves[i].gradient() == null ? new float[count] : leaves[i].gradient().toFloatArray();
            double[] differences = differences(i);
            double scale = Math.max(1, Arrays.stream(differences).map(Math::abs).filter(Double::isFinite).max().orElse(0));
            for (int element = 0; element < count; element++) {
                double error = Math.abs(gradients[element] - differences[element]) / scale;
                largest = Math.max(largest, error);
                if (!(error <= TOLERANCE)) {
                    mismatches.add(new Mismatch(i, index(leaves[i], element), gradients[element], differences[element]));
                }
            }
            elements += count;
        }
        return new Report(elements, mismatches, largest);
    }

    private double[] differences(int operand) {
        float[] values = operands[operand].detach().toFloatArray();
        double[] differences = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            differences[i] = (4 * difference(operand, values, i, STEP / 2) - difference(operand, values, i, STEP)) / 3;
        }
        return differences;
    }

    private double difference(int operand, float[] values, int element, double step) {
        float above = (float) (values[element] + step);
        float below = (float) (values[element] - step);
        return (value(operand, values, element, above) - value(operand, values, element, below)) / ((double) above - below);
    }

    /** The weighted sum of the results with one element changed. */
    private double value(int operand, float[] values, int element, float changed) {
        try (var _ = Scope.open()) {
            float[] moved = values.clone();
            moved[element] = changed;
            Tensor[] all = Arrays.stream(operands).map(Tensor::detach).toArray(Tensor[]::new);
            all[operand] = Tensor.of(moved).reshape(operands[operand].shape());
            float[] results = Autograd.withoutRecording(() -> function.apply(all)).toFloatArray();
            double sum = 0;
            for (int i = 0; i < results.length; i++) {
                sum += (double) weights[i] * results[i];
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
