package kept.bench;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Param;

/**
 * A differentiable operation, measured forward or backward. For the backward pass both sides record one forward pass and run its backward pass
 * repeatedly; gradients are not accumulated.
 */
public abstract class OperationBenchmark extends BenchmarkCase {
    /** Pass to measure. */
    @Param
    public Pass pass;

    private Tensor[] operands;
    private Tensor result;
    private Tensor gradient;

    /** For subclasses. */
    protected OperationBenchmark() {}

    /** Creates the operands; those that receive gradients come first. */
    abstract Tensor[] operands();

    /** Number of operands that receive gradients. */
    abstract int differentiated();

    /** Applies the operation to the operands. */
    abstract Tensor apply(Tensor... x);

    /** The operation in TorchScript: statements that return its result from the operands {@code a}, {@code b}, {@code c} and so on. */
    abstract String script();

    /**
     * Runs the forward or backward pass as a plain loop.
     *
     * @param x values of the operands
     * @param y result; an output of the forward pass, an input of the backward pass
     * @param dy gradient of the result; null in the forward pass
     * @param dx gradients of the operands, outputs of the backward pass; null in the forward pass
     */
    abstract void plain(float[][] x, float[] y, float[] dy, float[][] dx);

    @Override
    final void prepare() {
        operands = operands();
        if (pass == Pass.BACKWARD) {
            Tensor[] leaves = operands.clone();
            for (int i = 0; i < differentiated(); i++) {
                leaves[i] = Autograd.apply(new GradientSink(), operands[i].detach().requireGradient());
            }
            result = apply(leaves);
            gradient = Tensor.normal(9, 9, result.shape().toArray());
        }
    }

    @Override
    final void run() {
        if (pass == Pass.BACKWARD) {
            Autograd.backward(result, gradient);
        } else {
            try (var _ = Scope.open()) {
                apply(operands);
            }
        }
    }

    @Override
    final Runnable preparePeer(Libtorch torch) {
        String[] names = IntStream.range(0, operands.length).mapToObj(i -> Character.toString('a' + i)).toArray(String[]::new);
        String parameters = Arrays.stream(names).map(name -> name + ": Tensor").collect(Collectors.joining(", "));
        NDArray[] arrays = Arrays.stream(operands).map(torch::copy).toArray(NDArray[]::new);
        if (pass == Pass.FORWARD) {
            Libtorch.Function forward = torch.function(parameters, script());
            return () -> forward.run(arrays);
        }
        String[] differentiated = Arrays.copyOf(names, differentiated());
        for (int i = 0; i < differentiated(); i++) {
            arrays[i].setRequiresGradient(true);
        }
        NDArray recorded = torch.recordedFunction(parameters, script()).call(arrays).singletonOrThrow();
        Libtorch.Function backward = torch.gradientFunction("y: Tensor, dy: Tensor, " + parameters, """
                return torch.grad([y], [%s], annotate(List[Optional[Tensor]], [dy]), True)
                """.formatted(String.join(", ", differentiated)));
        NDArray[] arguments = IntStream.range(0, arrays.length + 2).mapToObj(i -> i > 1 ? arrays[i - 2] : i == 0 ? recorded : torch.copy(gradient))
                .toArray(NDArray[]::new);
        return () -> backward.run(arguments);
    }

    @Override
    final Runnable preparePlain() {
        float[][] x = Arrays.stream(operands).map(Tensor::toFloatArray).toArray(float[][]::new);
        if (pass == Pass.FORWARD) {
            try (var _ = Scope.open()) {
                float[] y = new float[Math.toIntExact(apply(operands).elementCount())];
                return () -> plain(x, y, null, null);
            }
        }
        float[] y = result.toFloatArray();
        float[] dy = gradient.toFloatArray();
        float[][] dx = Arrays.stream(x).limit(differentiated()).map(values -> new float[values.length]).toArray(float[][]::new);
        return () -> plain(x, y, dy, dx);
    }

    /** The identity, which drops its incoming gradient, so that the measured backward pass ends with the operation. */
    private static final class GradientSink extends Operation {
        @Override
        protected Tensor forward(Tensor... inputs) {
            return inputs[0].detach();
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            // Accumulating into a leaf would be measured too.
        }
    }
}
