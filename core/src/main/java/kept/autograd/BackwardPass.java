package kept.autograd;

import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.PriorityQueue;
import kept.autograd.operation.Operands;
import kept.backend.Binary;
import kept.backend.Buffer;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Node;
import kept.tensor.internal.TensorInternals;

/**
 * One backward pass from a root to its leaves. Pending gradients belong to the scope of the pass; each is freed once its node has been processed,
 * unless another pending gradient shares its memory. A node may overwrite its gradient if no other gradient shares the memory.
 */
final class BackwardPass {
    private final Scope scope;
    private final Activations activations;
    private final Map<Node, Tensor> waiting = new IdentityHashMap<>();
    /** The number of gradients in each buffer, pending or being processed. */
    private final Map<Buffer, Integer> uses = new IdentityHashMap<>();

    private final PriorityQueue<Node> queue = new PriorityQueue<>(Comparator.comparingLong(Node::number).reversed());

    BackwardPass(Scope scope, Activations activations) {
        this.scope = scope;
        this.activations = activations;
    }

    void run(Tensor root, Tensor seed) {
        deliver(root, seed, scope);
        for (Node node = queue.poll(); node != null; node = queue.poll()) {
            Tensor gradient = waiting.remove(node);
            try (var temporaries = Scope.open(scope.device())) {
                Sink sink = new Sink(node.inputs(), temporaries, gradient);
                node.operation().backward(gradient, sink);
                sink.adoptFirsts();
            }
            drop(gradient);
            activations.passed(node);
        }
    }

    /** Adds a gradient to a leaf or to the pending gradient of a node. The gradient belongs to {@code temporaries} or outlives this pass. */
    private void deliver(Tensor input, Tensor gradient, Scope temporaries) {
        Node node = TensorInternals.node(input);
        if (node == null) {
            addInPlace(TensorInternals.gradientAccumulator(input), gradient);
            return;
        }
        Tensor present = waiting.get(node);
        if (present == null) {
            queue.add(node);
            hold(node, gradient, temporaries);
        } else if (isExclusive(present) && TensorMemory.buffer(gradient) != TensorMemory.buffer(present)) {
            addInPlace(present, gradient);
        } else {
            Tensor sum = Tensor.empty(input.dtype().arithmetic(), input.shape());
            sum.backend().binary(Binary.ADD, present, gradient, sum);
            hold(node, sum, temporaries);
            drop(present);
        }
    }

    private void hold(Node node, Tensor gradient, Scope temporaries) {
        if (temporaries.owns(gradient)) {
            scope.adopt(gradient);
        }
        waiting.put(node, gradient);
        uses.merge(TensorMemory.buffer(gradient), 1, Integer::sum);
    }

    private void drop(Tensor gradient) {
        if (uses.merge(TensorMemory.buffer(gradient), -1, Integer::sum) == 0) {
            uses.remove(TensorMemory.buffer(gradient));
            scope.release(gradient);
        }
    }

    /** Whether a pending gradient may be overwritten: this pass owns it, it is dense, and no other gradient shares its buffer. */
    private boolean isExclusive(Tensor gradient) {
        return scope.owns(gradient) && gradient.isContiguous() && uses.get(TensorMemory.buffer(gradient)) == 1;
    }

    /** Adds in the sum's arithmetic; a sum in BF16 is converted to F32 and rounded again. */
    private static void addInPlace(Tensor sum, Tensor gradient) {
        DType working = sum.dtype().arithmetic();
        if (sum.dtype() == working && gradient.dtype() == working) {
            sum.backend().binary(Binary.ADD, sum, gradient, sum);
            return;
        }
        try (var _ = Scope.open(sum.device())) {
            Tensor wide = Operands.copy(working, sum);
            wide.backend().binary(Binary.ADD, wide, gradient.dtype() == working ? gradient : Operands.copy(working, gradient), wide);
            sum.assign(wide);
        }
    }

    private final class Sink implements Gradients {
        private final Tensor[] inputs;
        private final Scope temporaries;
        private final Tensor incoming;
        private final boolean ownsIncoming;
        /** The first gradients of leaves. Only when the node has added all its gradients is it known which of them need no copy. */
        private final Map<Tensor, Tensor> firsts = new IdentityHashMap<>();

        Sink(Tensor[] inputs, Scope temporaries, Tensor incoming) {
            this.inputs = inputs;
            this.temporaries = temporaries;
            this.incoming = incoming;
            ownsIncoming = isExclusive(incoming);
        }

        @Override
        public boolean owns(Tensor gradient) {
            return gradient == incoming ? ownsIncoming : temporaries.owns(gradient) && gradient.isContiguous();
        }

        @Override
        public boolean isNeeded(int input) {
            return inputs[input].requiresGradient();
        }

        @Override
        public void add(int input, Tensor gradient) {
            if (isNeeded(input)) {
                Tensor operand = inputs[input];
                Tensor summed = Operands.asGradientOf(operand, Operands.summedTo(operand.shape(), gradient));
                if (TensorInternals.node(operand) != null || operand.gradient() != null || firsts.putIfAbsent(operand, summed) != null) {
                    deliver(operand, summed, temporaries);
                }
            }
        }

        @Override
        public DType type(int input) {
            return inputs[input].gradient() == null ? inputs[input].gradientType() : inputs[input].dtype().arithmetic();
        }

        /** Sets the first gradient of each leaf: the tensor itself if nothing else uses it, otherwise a copy. */
        void adoptFirsts() {
            firsts.forEach((leaf, gradient) -> {
                if (leaf.gradient() != null) {
                    deliver(leaf, gradient, temporaries);
                } else {
                    boolean own = temporaries.owns(gradient) && gradient.isContiguous() || isLeftOver(gradient);
                    boolean stays = own && gradient.dtype() == leaf.gradientType();
                    TensorInternals.setGradient(leaf, stays ? gradient : Operands.copy(leaf.gradientType(), gradient));
                }
            });
        }

        /** Whether a gradient is the incoming one, shares its memory with no other, and was added to no other operand. */
        private boolean isLeftOver(Tensor gradient) {
            return gradient == incoming && ownsIncoming && isExclusive(incoming)
                    && incoming.offset() == 0 && 2 * incoming.elementCount() * incoming.dtype().bytes() > TensorMemory.buffer(incoming).byteSize();
        }

        @Override
        public Tensor accumulator(int input) {
            Node node = TensorInternals.node(inputs[input]);
            if (node == null) {
                return inputs[input].gradientType() == inputs[input].dtype().arithmetic() ? inputs[input].gradient() : null;
            }
            Tensor present = waiting.get(node);
            return present != null && isExclusive(present) ? present : null;
        }
    }
}
