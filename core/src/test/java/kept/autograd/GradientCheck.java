package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.IntStream;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;

/**
 * Compares an operation's values with a float64 reference, and its gradients with central differences of that reference: with operands that lie dense
 * in memory, that are transposed views, and that are every second element of something larger; and with each operand alone wanting a gradient.
 */
public final class GradientCheck {
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 2e-5;

    private final Function<Tensor[], Tensor> operation;
    private final Function<Reference[], Reference> reference;
    private final Reference[] inputs;
    private final Reference expected;
    /** What the result's elements are multiplied by to make the one number that is differentiated. */
    private final Reference seed;

    private final double[][] gradients;

    private GradientCheck(Function<Tensor[], Tensor> operation, Function<Reference[], Reference> reference, Reference... inputs) {
        this.operation = operation;
        this.reference = reference;
        this.inputs = inputs;
        expected = reference.apply(inputs);
        seed = Reference.normal(4711, expected.shape());
        gradients = IntStream.range(0, inputs.length).mapToObj(this::centralDifferences).toArray(double[][]::new);
    }

    /** Runs all comparisons. */
    public static void check(Function<Tensor[], Tensor> operation, Function<Reference[], Reference> reference, Reference... inputs) {
        var check = new GradientCheck(operation, reference, inputs);
        boolean[] all = new boolean[inputs.length];
        Arrays.fill(all, true);
        for (Layout layout : Layout.values()) {
            check.run(layout, all);
        }
        for (int i = 0; inputs.length > 1 && i < inputs.length; i++) {
            boolean[] only = new boolean[inputs.length];
            only[i] = true;
            check.run(Layout.DENSE, only);
        }
    }

    private double[] centralDifferences(int input) {
        double[] result = new double[inputs[input].values().length];
        for (int i = 0; i < result.length; i++) {
            result[i] = (shifted(input, i, STEP) - shifted(input, i, -STEP)) / (2 * STEP);
        }
        return result;
    }

    private double shifted(int input, int element, double by) {
        double[] values = inputs[input].values().clone();
        values[element] += by;
        Reference[] changed = inputs.clone();
        changed[input] = Reference.of(values, inputs[input].shape());
        return reference.apply(changed).dot(seed);
    }

    private void run(Layout layout, boolean... wanted) {
        try (var _ = Scope.open()) {
            Tensor[] memory = Arrays.stream(inputs).map(layout::memory).toArray(Tensor[]::new);
            for (int i = 0; i < inputs.length; i++) {
                if (wanted[i]) {
                    memory[i].requireGradient();
                }
            }
            Tensor[] operands = IntStream.range(0, inputs.length).mapToObj(i -> layout.view(memory[i], inputs[i])).toArray(Tensor[]::new);
            Tensor result = operation.apply(operands);
            assertThat(result.shape()).as("%s: shape", layout).isEqualTo(Shape.of(expected.dimensions()));
            assertClose(layout + ": values", result.toFloatArray(), expected.values());
            Autograd.backward(result, layout.view(layout.memory(seed), seed));
            for (int i = 0; i < inputs.length; i++) {
                assertThat(layout.view(memory[i], inputs[i]).toFloatArray()).as("%s: operand %d is left as it was", layout, i)
                        .isEqualTo(inputs[i].floats());
                if (wanted[i]) {
                    assertGradient(layout, i, memory[i].gradient());
                } else {
                    assertThat(memory[i].gradient()).isNull();
                }
            }
        }
    }

    private void assertGradient(Layout layout, int input, Tensor gradient) {
        assertThat(gradient).as("%s: gradient of operand %d", layout, input).isNotNull();
        float[] seen = layout.view(gradient, inputs[input]).toFloatArray();
        assertClose("%s: gradient of operand %d".formatted(layout, input), seen, gradients[input]);
        assertThat(magnitude(gradient.toFloatArray())).as("%s: gradient outside of the view of operand %d", layout, input).isEqualTo(magnitude(seen));
    }

    /** The sum of absolute values, independent of their order. */
    private static double magnitude(float... values) {
        return IntStream.range(0, values.length).mapToDouble(i -> Math.abs(values[i])).sorted().sum();
    }

    private static void assertClose(String what, float[] seen, double[] wanted) {
        assertThat(seen).as(what).hasSize(wanted.length);
        double scale = Math.max(1, Arrays.stream(wanted).map(Math::abs).max().orElse(0));
        for (int i = 0; i < seen.length; i++) {
            assertThat((double) seen[i]).as("%s, element %d", what, i).isCloseTo(wanted[i], Offset.offset(TOLERANCE * scale));
        }
    }

    /** How an operand lies in memory. */
    private enum Layout {
        DENSE {
            @Override
            Tensor memory(Reference values) {
                return Tensor.of(values.floats(), values.dimensions()).reshape(values.dimensions());
            }

            @Override
            Tensor view(Tensor memory, Reference values) {
                return memory;
            }
        },
        TRANSPOSED {
            @Override
            Tensor memory(Reference values) {
                return DENSE.memory(values.permute(reversed(values)));
            }

            @Override
            Tensor view(Tensor memory, Reference values) {
                return memory.permute(reversed(values));
            }
        },
        EVERY_SECOND {
            @Override
            Tensor memory(Reference values) {
                Tensor larger = Tensor.ones(Arrays.stream(values.dimensions()).map(extent -> 2 * extent + 1).toArray());
                view(larger, values).assign(DENSE.memory(values));
                return larger;
            }

            @Override
            Tensor view(Tensor memory, Reference values) {
                Tensor view = memory;
                for (int axis = 0; axis < values.shape().length; axis++) {
                    view = view.slice(axis, 1, memory.size(axis), 2);
                }
                return view;
            }
        };

        abstract Tensor memory(Reference values);

        abstract Tensor view(Tensor memory, Reference values);

        private static int[] reversed(Reference values) {
            int rank = values.shape().length;
            return IntStream.range(0, rank).map(axis -> rank - 1 - axis).toArray();
        }
    }
}
