package kept.autograd;

import java.util.function.UnaryOperator;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;
import kept.tensor.internal.MemoryReads;
import kept.tensor.internal.Node;
import kept.tensor.internal.TensorInternals;

/**
 * Trades time for memory: only the input and result of a segment are saved, and the backward pass recomputes the segment (Chen et al. 2016, arXiv
 * 1604.06174). Results are bit-identical to a run without checkpoints. Segments may be nested.
 */
final class ActivationCheckpoint extends Operation {
    private final UnaryOperator<Tensor> segment;
    private final Tensor x;
    private Tensor leaf;
    private MemoryReads reads;

    private ActivationCheckpoint(UnaryOperator<Tensor> segment, Tensor x) {
        this.segment = segment;
        this.x = x;
    }

    /** {@link Autograd#checkpoint}. */
    static Tensor apply(UnaryOperator<Tensor> segment, Tensor x) {
        Arguments.present("activation checkpoint", "the segment", segment);
        Arguments.usable("activation checkpoint", x);
        var operation = new ActivationCheckpoint(segment, x);
        SegmentResult.require(operation, x);
        try (var scope = Scope.open(x.device()); var reads = MemoryReads.open()) {
            // Recorded, although the nodes are dropped at once, to find out whether the segment uses a trainable parameter.
            operation.reads = reads;
            Tensor result = scope.keep(SegmentResult.segment(false, () -> operation.forward(x)));
            boolean record = Autograd.isRecording() && result.requiresGradient();
            return record ? TensorInternals.recordedBy(result, new Node(operation, x)) : result.detach();
        }
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        leaf = x.detach();
        if (x.requiresGradient()) {
            leaf.requireGradient();
        }
        return Arguments.present("activation checkpoint", "the segment's result", segment.apply(leaf));
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor changed = reads.changed();
        if (changed != null) {
            throw new TensorException(("[activation checkpoint] backward runs the segment again, but %s, which it reads, has been overwritten since; "
                    + "run backward before writing to it").formatted(SavedTensor.description(changed)));
        }
        Tensor result = Autograd.withRecording(true, () -> SegmentResult.segment(true, () -> forward(x)));
        // The gradients of the segment take the place of the incoming one, if nothing else needs it.
        RoundedGradients rounded = gradients instanceof BackwardPass.Sink sink ? sink.copies() : null;
        Autograd.backwardOnce(result, gradient, rounded, gradients.owns(gradient));
        if (leaf.gradient() != null) {
            // A leaf's gradient would live as long as its value; this one is only needed until it is passed on.
            gradients.add(0, Scope.current().adopt(leaf.gradient()));
        }
    }
}
