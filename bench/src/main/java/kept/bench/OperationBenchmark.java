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
 * A differentiable operation, forward, or backward alone: both sides record one forward pass and then go back through it again and again, and the
 * gradients are not added to anything.
 */
public abstract class OperationBenchmark extends Contest {
    /** Which pass. */
    @Param
    public Pass pass;

    private Tensor[] operands;
    private Tensor result;
    private Tensor gradient;

    /** For subclasses. */
    protected OperationBenchmark() {}

    /** The operands, differentiated ones first. */
    abstract Tensor[] operands();

    /** How many of the operands are differentiated. */
    abstract int differentiated();

    /** Applies the operation. */
    abstract Tensor apply(Tensor... x);

    /** The same in TorchScript: statements that return the result of the operands {@code a}, {@code b}, {@code c} and so on. */
    abstract String script();

    /**
     * The same as a plain loop, or its gradient.
     *
     * @param x the values of the operands
     * @param y the result; overwritten in the forward pass, given in the backward pass
     * @param dy the gradient of the result, or null in the forward pass
     * @param dx the gradients of the differentiated operands, overwritten; or null in the forward pass
     */
    abstract void plain(float[][] x, float[] y, float[] dy, float[][] dx);

    @Override
    final void prepare() {
        operands = operands();
        if (pass == Pass.BACKWARD) {
            Tensor[] leaves = operands.clone();
            for (int i = 0; i < differentiated(); i++) {
                leaves[i] = Autograd.apply(new Discard(), operands[i].detach().requireGradient());
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

    /** Passes its operand on, and no gradient back: so that what is measured ends where the operation does. */
    private static final class Discard extends Operation {
        @Override
        protected Tensor forward(Tensor... inputs) {
            return inputs[0].detach();
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            // The gradient has been computed, which is all that is wanted.
        }
    }
}
