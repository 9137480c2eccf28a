package kept.autograd;

import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;
import kept.tensor.internal.Node;
import kept.tensor.internal.TensorInternals;

/**
 * Reverse-mode differentiation. Operations on tensors that want gradients are recorded as {@link Node}s; {@link #backward} walks them in reverse
 * order of recording, so that gradients always add up in the same order. Only first derivatives: a backward is not itself recorded.
 */
public final class Autograd {
    private static final ThreadLocal<Boolean> RECORDING = ThreadLocal.withInitial(() -> true);

    private Autograd() {}

    /**
     * Whether operations on this thread are recorded.
     *
     * @return true unless inside {@link #withoutRecording}
     */
    public static boolean isRecording() {
        return RECORDING.get();
    }

    /**
     * Runs some code without recording, for inference or for changing parameters.
     *
     * @param <T> what the code gives
     * @param code the code
     * @return what the code gave
     */
    public static <T> T withoutRecording(Supplier<T> code) {
        return withRecording(false, code);
    }

    static <T> T withRecording(boolean recording, Supplier<T> code) {
        boolean before = RECORDING.get();
        RECORDING.set(recording);
        try {
            return code.get();
        } finally {
            RECORDING.set(before);
        }
    }

    /**
     * Applies an operation and records it if a gradient will flow through it.
     *
     * @param operation a fresh instance
     * @param inputs its operands
     * @return the result
     * @throws TensorException if an operand is null
     * @throws kept.tensor.ScopeException if the memory of an operand has been freed
     * @throws kept.tensor.DeviceException if the operands live on different devices, or elsewhere than the current scope makes tensors
     */
    public static Tensor apply(Operation operation, Tensor... inputs) {
        Arguments.present("autograd", "the operation", operation);
        Arguments.present(operation.name(), "the array of operands", inputs);
        Arguments.usable(operation.name(), inputs);
        boolean record = false;
        if (isRecording()) {
            for (Tensor input : inputs) {
                record |= input.requiresGradient();
            }
        }
        Tensor result = withoutRecording(() -> operation.forward(inputs));
        return record && result.dtype().isFloating() ? TensorInternals.recordedBy(result, new Node(operation, inputs)) : result;
    }

    /**
     * Runs a segment of a model and frees everything it made but its result: the backward pass computes the segment once more to differentiate it,
     * which trades time for memory (Chen et al. 2016, arXiv 1604.06174). The bits are those of the plain run. Segments may contain segments. What the
     * segment reads, operand and parameters, must not be overwritten before the backward pass, which would compute another segment then and is
     * refused.
     *
     * @param segment a function that gives the same result each time; what it uses besides its operand must not be recorded, or be leaves, such as
     *     parameters: these get their gradients
     * @param x the segment's operand
     * @return the segment's result
     */
    public static Tensor checkpoint(UnaryOperator<Tensor> segment, Tensor x) {
        return ActivationCheckpoint.apply(segment, x);
    }

    /**
     * Adds the gradient of a tensor to every leaf it was made from.
     *
     * @param root the tensor to differentiate
     * @param seed the gradient of what is finally wanted with respect to the root, F32 and of its shape; null for ones
     * @throws TensorException if nothing was recorded for the root
     * @throws ShapeException if the seed's shape is not the root's
     * @throws DTypeException if the seed is not F32
     */
    public static void backward(Tensor root, Tensor seed) {
        backward(root, seed, Activations.KEPT);
    }

    /**
     * As {@link #backward}, for a graph that is walked once: what recorded operations gave, other than the root, is freed as the walk passes it, so
     * that gradients take the place of activations. Only what the current scope owns is freed: a result that is wanted afterwards is kept by handing
     * it to another scope first.
     *
     * @param root the tensor to differentiate
     * @param seed the gradient of what is finally wanted with respect to the root, F32 and of its shape; null for ones
     * @throws TensorException if nothing was recorded for the root
     * @throws ShapeException if the seed's shape is not the root's
     * @throws DTypeException if the seed is not F32
     */
    public static void backwardOnce(Tensor root, Tensor seed) {
        Arguments.present("backward", "the root", root);
        backward(root, seed, new Activations(root, Scope.current()));
    }

    private static void backward(Tensor root, Tensor seed, Activations activations) {
        Arguments.present("backward", "the root", root);
        if (seed != null && seed.device() != root.device()) {
            throw new DeviceException("[backward] the seed lives on %s, the root on %s".formatted(seed.device(), root.device()));
        }
        if (!root.requiresGradient()) {
            throw new TensorException("[backward] nothing to differentiate: no tensor that requires a gradient went into this one");
        }
        if (seed != null && !seed.shape().equals(root.shape())) {
            throw new ShapeException("[backward] seed %s differs from the root's shape %s".formatted(seed.shape(), root.shape()));
        }
        if (seed != null && seed.dtype() != DType.F32) {
            throw new DTypeException("[backward] the seed must be f32, as all gradients are, not " + seed.dtype().label());
        }
        withoutRecording(() -> {
            try (var scope = Scope.open(root.device())) {
                Tensor start = seed != null ? seed : Tensor.full(1, DType.F32, root.shape());
                new BackwardPass(scope, activations).run(root, start);
            }
            return null;
        });
    }
}
