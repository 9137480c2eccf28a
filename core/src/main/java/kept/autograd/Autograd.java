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
 * Reverse-mode automatic differentiation. Operations on tensors that require gradients are recorded as {@link Node}s; {@link #backward} processes
 * them in reverse order, so that gradients always accumulate in the same order. Only first derivatives are supported: the backward pass itself is not
 * recorded.
 */
public final class Autograd {
    private static final ThreadLocal<Boolean> RECORDING = ThreadLocal.withInitial(() -> true);

    private Autograd() {}

    /**
     * Whether grad mode is on: operations on this thread are recorded.
     *
     * @return true unless inside {@link #withoutRecording}
     */
    public static boolean isRecording() {
        return RECORDING.get();
    }

    /**
     * Runs code with grad mode off, for inference or for updates of parameters (PyTorch's {@code no_grad}).
     *
     * @param <T> the type of the code's result
     * @param code the code
     * @return the code's result
     */
    public static <T> T withoutRecording(Supplier<T> code) {
        return withRecording(false, Arguments.present("withoutRecording", "the code", code));
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
     * Applies an operation and records it if an operand requires a gradient.
     *
     * @param operation a new instance
     * @param inputs its operands
     * @return the result
     * @throws TensorException if an operand is null
     * @throws kept.tensor.ScopeException if the memory of an operand has been freed
     * @throws kept.tensor.DeviceException if the operands live on different devices, or not on the device of the current scope
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
        Tensor result = withoutRecording(() -> SegmentResult.forward(operation, inputs));
        return record && result.dtype().isFloating() ? TensorInternals.recordedBy(result, new Node(operation, inputs)) : result;
    }

    /**
     * Activation checkpointing: runs a segment of a model and saves only its input and result. The backward pass recomputes the segment, which trades
     * time for memory (Chen et al. 2016, arXiv 1604.06174). Results are bit-identical to a run without checkpoints. Segments may be nested. The
     * operand and the parameters of the segment must not be overwritten before the backward pass, which otherwise throws a {@link TensorException}.
     *
     * @param segment a deterministic function; other tensors that it uses must be leaves, such as parameters, or not require a gradient. Leaves
     *     receive their gradients
     * @param x the segment's operand
     * @return the segment's result
     */
    public static Tensor checkpoint(UnaryOperator<Tensor> segment, Tensor x) {
        return ActivationCheckpoint.apply(segment, x);
    }

    /**
     * Marks the last operations of a {@linkplain #checkpoint checkpointed} segment. The backward pass, which runs the segment again, reads their
     * operands but not their results: matrix products, gated projections and additions are then recorded without being computed. Elsewhere this only
     * runs the code.
     *
     * @param code computes the segment's result from tensors that the segment has computed before
     * @return the result; when the segment is run again, a tensor whose elements are arbitrary
     * @throws kept.tensor.TensorException from the backward pass if an operation of the segment other than an addition takes a result of the code
     */
    public static Tensor segmentResult(Supplier<Tensor> code) {
        return SegmentResult.of(Arguments.present("activation checkpoint", "the code", code));
    }

    /**
     * Accumulates the gradient of a tensor in every leaf of its graph.
     *
     * @param root the tensor to differentiate
     * @param seed the gradient of the final result with respect to the root, F32 (F64 for a root in F64) with the root's shape; null
     *     for ones
     * @throws TensorException if the root does not require a gradient
     * @throws ShapeException if the seed's shape is not the root's
     * @throws DTypeException if the seed is of another type
     */
    public static void backward(Tensor root, Tensor seed) {
        backward(root, seed, Activations.KEPT, null, false);
    }

    /**
     * As {@link #backward}, for a graph that is differentiated once: results of recorded operations other than the root are freed during the backward
     * pass, so that gradients take the place of activations. Only tensors of the current scope are freed; to keep a result, move it to another scope
     * first.
     *
     * @param root the tensor to differentiate
     * @param seed the gradient of the final result with respect to the root, F32 (F64 for a root in F64) with the root's shape; null
     *     for ones
     * @throws TensorException if the root does not require a gradient
     * @throws ShapeException if the seed's shape is not the root's
     * @throws DTypeException if the seed is of another type
     */
    public static void backwardOnce(Tensor root, Tensor seed) {
        Arguments.present("backward", "the root", root);
        backward(root, seed, new Activations(root, Scope.current()), null, false);
    }

    /**
     * As {@link #backwardOnce(Tensor, Tensor)}, for a part of a graph that another pass differentiates.
     *
     * @param root the part's result
     * @param seed the gradient of the result
     * @param rounded the copies of the other pass's gradients, null for none
     * @param owned whether this pass takes the seed over and may overwrite and free it
     */
    static void backwardOnce(Tensor root, Tensor seed, RoundedGradients rounded, boolean owned) {
        backward(root, seed, new Activations(root, Scope.current()), rounded, owned);
    }

    private static void backward(Tensor root, Tensor seed, Activations activations, RoundedGradients rounded, boolean owned) {
        Arguments.present("backward", "the root", root);
        if (seed != null && seed.device() != root.device()) {
            throw new DeviceException("[backward] the seed lives on %s, the root on %s".formatted(seed.device(), root.device()));
        }
        if (!root.requiresGradient()) {
            throw new TensorException("[backward] nothing to differentiate: the tensor does not depend on one that requires a gradient");
        }
        if (seed != null && !seed.shape().equals(root.shape())) {
            throw new ShapeException("[backward] the seed's shape %s is not the root's shape %s".formatted(seed.shape(), root.shape()));
        }
        DType type = root.dtype().arithmetic();
        if (seed != null && seed.dtype() != type) {
            throw new DTypeException("[backward] the seed must be %s, as the gradient of a root in %s is, not %s"
                    .formatted(type.label(), root.dtype().label(), seed.dtype().label()));
        }
        withoutRecording(() -> {
            try (var scope = Scope.open(root.device())) {
                Tensor start = seed != null ? seed : Tensor.full(1, type, root.shape());
                if (owned) {
                    scope.adopt(seed);
                }
                new BackwardPass(scope, activations, rounded != null ? rounded : new RoundedGradients(scope)).run(root, start);
            }
            return null;
        });
    }
}
