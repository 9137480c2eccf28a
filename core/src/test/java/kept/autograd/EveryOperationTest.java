package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations check, kernels trust: whatever operands and numbers a public operation is handed, it gives the value of a float64 reference, with its
 * gradients, or says with its name what it does not take. Every other dtype, rank, extent, layout in memory and device, null, freed memory and
 * numbers out of range, one at a time; {@link PublicApiTest} sees to it that no operation is left out.
 */
class EveryOperationTest {
    private static final double STEP = 1e-6;

    static Stream<OperationCase> operations() {
        return Stream.of(ElementwiseCases.all(), ShapeCases.all(), ArrangementCases.all(), FusedCases.all(), LayerCases.all()).flatMap(List::stream);
    }

    static Stream<String> methods() {
        return operations().map(operation -> operation.method).distinct();
    }

    @ParameterizedTest
    @MethodSource("methods")
    void givesTheRightValueOrSaysWhatItDoesNotTake(String method) {
        List<String> faults = new ArrayList<>();
        int accepted = 0;
        for (OperationCase operation : operations().filter(candidate -> candidate.method.equals(method)).toList()) {
            for (OperandVariants.Variant variant : OperandVariants.of(operation)) {
                String what = "%s, %s".formatted(operation.shapes.stream().map(Arrays::toString).toList(), variant.what());
                try (var _ = Scope.open()) {
                    accepted += isRight(operation, variant) ? 1 : 0;
                } catch (AssertionError | RuntimeException e) {
                    faults.add("%s: %s".formatted(what, e instanceof AssertionError ? e.getMessage() : e));
                }
            }
        }
        assertThat(faults).as("%s: %d faults", method, faults.size()).isEmpty();
        assertThat(accepted).as("%s: calls that gave a value", method).isGreaterThan(5);
    }

    @Test
    void thousandsOfCallsAreTried() {
        assertThat(operations().mapToInt(operation -> OperandVariants.of(operation).size()).sum()).isGreaterThan(10_000);
    }

    /** True for a right value, false for a proper refusal. */
    private static boolean isRight(OperationCase operation, OperandVariants.Variant variant) {
        Tensor[] operands = variant.operands().stream().map(OperandVariants.Operand::tensor).toArray(Tensor[]::new);
        boolean[] leaf = new boolean[operands.length];
        for (int i = 0; i < operands.length; i++) {
            leaf[i] = variant.checksGradients() && operation.differentiable && i < operands.length - operation.constants
                    && operation.roles.get(i) == OperationCase.Role.VALUE && operands[i] != null && operands[i].dtype().isFloating();
            operands[i] = leaf[i] ? operands[i].detach().requireGradient() : operands[i];
        }
        Tensor result;
        try {
            result = operation.call.on(operands, variant.numbers());
        } catch (TensorException e) {
            assertThat(e.getMessage()).as("the message of the error").matches(message -> operation.names.stream().anyMatch(
                    name -> message.startsWith("[" + name + "] ")), "begins with one of " + operation.names);
            assertThat(variant.mustBeTaken()).as("must be taken: %s", e.getMessage()).isFalse();
            return false;
        }
        if (!variant.mayHaveValue() && result == operands[0]) {
            return false; // the operand itself, where there was nothing to do
        }
        assertThat(variant.mayHaveValue()).as("only an error is right, not %s %s", result.dtype(), result.shape()).isTrue();
        assertValue(operation, variant, operands, result, leaf);
        return true;
    }

    private static void assertValue(OperationCase operation, OperandVariants.Variant variant, Tensor[] operands, Tensor result, boolean... leaf) {
        Reference[] values = variant.operands().stream().map(OperandVariants.Operand::values).toArray(Reference[]::new);
        DType[] types = IntStream.range(0, operands.length).filter(i -> operation.roles.get(i) == OperationCase.Role.VALUE)
                .mapToObj(i -> operands[i].dtype()).toArray(DType[]::new);
        boolean integers = operation.integerValue != null && Arrays.stream(types).noneMatch(DType::isFloating);
        OperationCase.Value reference = integers ? operation.integerValue : operation.value;
        Reference expected;
        try {
            expected = reference.of(values, variant.numbers());
        } catch (References.TooLargeException e) {
            return;
        } catch (RuntimeException e) {
            throw new AssertionError("there is no right value, but it gave %s %s".formatted(result.dtype(), result.shape()), e);
        }
        assertThat(result.dtype()).as("dtype").isEqualTo(operation.type.apply(types));
        assertThat(result.shape()).as("shape").isEqualTo(Shape.of(expected.dimensions()));
        expected = Reference.of(Arrays.stream(expected.values()).map(value -> held(result.dtype(), value)).toArray(), expected.shape());
        double tolerance = operation.slack * Math.max(tolerance(result.dtype()), Arrays.stream(types).mapToDouble(EveryOperationTest::tolerance)
                .max().orElse(0));
        assertClose("values", result.detach().toDoubleArray(), expected.values(), result.dtype().isFloating() ? tolerance : 0);
        if (IntStream.range(0, leaf.length).noneMatch(i -> leaf[i])) {
            return;
        }
        assertThat(result.requiresGradient()).as("the result is recorded").isTrue();
        Reference seed = Reference.uniform(4711, 0.5, 1.5, expected.shape());
        Autograd.backward(result, Tensor.of(seed.floats(), seed.dimensions()).reshape(seed.dimensions()).cast(result.dtype().arithmetic()));
        for (int i = 0; i < leaf.length; i++) {
            if (leaf[i] && operands[i].elementCount() > 0) {
                Tensor seen = operands[i].gradient();
                assertThat(seen == null ? null : seen.dtype()).as("type of gradient %d", i).isIn(null, operands[i].dtype().arithmetic());
                double[] gradient = seen == null ? new double[values[i].values().length] : seen.toDoubleArray();
                double[] slopes = slopes(reference, values, i, variant.numbers(), seed);
                // Beside an infinity, such as x / false, there is no slope.
                Arrays.setAll(slopes, at -> Double.isNaN(slopes[at]) ? gradient[at] : slopes[at]);
                assertClose("gradient of operand " + i, gradient, slopes,
                        Math.max(5e-7, 10 * tolerance));
            }
        }
    }

    private static double[] slopes(OperationCase.Value reference, Reference[] values, int operand, double[] numbers, Reference seed) {
        double[] slopes = new double[values[operand].values().length];
        for (int i = 0; i < slopes.length; i++) {
            slopes[i] = (moved(reference, values, operand, i, STEP, numbers).dot(seed) - moved(reference, values, operand, i, -STEP, numbers)
                    .dot(seed))
                    / (2 * STEP);
        }
        return slopes;
    }

    private static Reference moved(OperationCase.Value reference, Reference[] values, int operand, int element, double by, double... numbers) {
        Reference[] changed = values.clone();
        double[] elements = values[operand].values().clone();
        elements[element] += by;
        changed[operand] = Reference.of(elements, values[operand].shape());
        return reference.of(changed, numbers);
    }

    private static double tolerance(DType type) {
        return switch (type) {
            case BF16 -> 0x1p-7;
            case F16 -> 0x1p-10;
            case F64 -> 1e-12;
            default -> 4e-6;
        };
    }

    /** A value as a type holds it: bytes wrap around, truth values are 0 or 1, and other types but F64 are f32 at most. */
    private static double held(DType type, double value) {
        return switch (type) {
            case F64, I32, I64 -> value;
            case U8 -> (long) value & 0xff;
            case BOOL -> value == 0 ? 0 : 1;
            case F32, BF16, F16 -> (float) value;
        };
    }

    private static void assertClose(String what, double[] seen, double[] expected, double tolerance) {
        assertThat(seen).as(what).hasSize(expected.length);
        double scale = Math.max(1, Arrays.stream(expected).filter(Double::isFinite).map(Math::abs).max().orElse(0));
        for (int i = 0; i < seen.length; i++) {
            double wanted = expected[i];
            boolean close = Double.compare(wanted, seen[i]) == 0 || wanted == seen[i] || Math.abs(wanted - seen[i]) <= tolerance * scale;
            assertThat(close).as("%s, element %d: %s instead of %s", what, i, seen[i], expected[i]).isTrue();
        }
    }
}
