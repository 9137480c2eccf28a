package kept.autograd;

import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
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
    /** First gradients of leaves that another pending gradient shares: they become the leaf's own when the other has been processed. */
    private final Map<Tensor, Tensor> shared = new IdentityHashMap<>();
    private final RoundedGradients rounded;

    private final PriorityQueue<Node> queue = new PriorityQueue<>(Comparator.comparingLong(Node::number).reversed());

    /**
     * Creates a pass.
     *
     * @param scope scope of its gradients
     * @param activations results that it frees
     * @param rounded copies of gradients in BF16; those of the enclosing pass if this one recomputes a part of it
     */
    BackwardPass(Scope scope, Activations activations, RoundedGradients rounded) {
        this.scope = scope;
        this.activations = activations;
        this.rounded = rounded;
    }

    void run(Tensor root, Tensor seed) {
        deliver(root, seed, scope);
        for (Node node = queue.poll(); node != null; node = queue.poll()) {
            Tensor gradient = waiting.remove(node);
            Buffer buffer = TensorMemory.buffer(gradient);
            try (var temporaries = Scope.open(scope.device())) {
                Sink sink = new Sink(node.inputs(), temporaries, gradient);
                node.operation().backward(gradient, sink);
                sink.adoptFirsts();
            }
            drop(buffer, gradient);
            activations.passed(node);
        }
        List.copyOf(shared.keySet()).forEach(this::settle);
    }

    /** Adds a gradient to a leaf or to the pending gradient of a node. The gradient belongs to {@code temporaries} or outlives this pass. */
    private void deliver(Tensor input, Tensor gradient, Scope temporaries) {
        Node node = TensorInternals.node(input);
        if (node == null) {
            settle(input);
            addInPlace(TensorInternals.gradientAccumulator(input), gradient);
            return;
        }
        Tensor present = waiting.get(node);
        DType working = input.dtype().arithmetic();
        if (present == null) {
            queue.add(node);
            hold(node, gradient.dtype() == DType.BF16 && !rounds(node) ? Operands.copy(working, gradient) : gradient, temporaries);
        } else if (isExclusive(present) && present.dtype() == working && TensorMemory.buffer(gradient) != TensorMemory.buffer(present)) {
            addInPlace(present, gradient);
        } else {
            Tensor sum = Tensor.empty(working, input.shape());
            try (var _ = Scope.open(scope.device())) {
                sum.backend().binary(Binary.ADD, Operands.as(working, present), Operands.as(working, gradient), sum);
            }
            hold(node, sum, temporaries);
            drop(TensorMemory.buffer(present), present);
        }
    }

    /** Whether a node does nothing with its gradient but round it. */
    private static boolean rounds(Node node) {
        return node.operation().roundsGradient(operand -> {
            Node maker = TensorInternals.node(node.inputs()[operand]);
            return maker != null && rounds(maker);
        });
    }

    private void hold(Node node, Tensor gradient, Scope temporaries) {
        if (temporaries.owns(gradient)) {
            scope.adopt(gradient);
        }
        waiting.put(node, gradient);
        uses.merge(TensorMemory.buffer(gradient), 1, Integer::sum);
    }

    private void drop(Buffer buffer, Tensor gradient) {
        if (uses.merge(buffer, -1, Integer::sum) == 0) {
            uses.remove(buffer);
            rounded.drop(buffer);
            scope.release(gradient);
        }
    }

    /** Makes a shared gradient the gradient of its leaf: the tensor itself if nothing else uses it any more, otherwise a copy. */
    private void settle(Tensor leaf) {
        Tensor gradient = shared.remove(leaf);
        if (gradient == null) {
            return;
        }
        Buffer buffer = TensorMemory.buffer(gradient);
        if (isExclusive(gradient)) {
            uses.remove(buffer);
            TensorInternals.setGradient(leaf, gradient);
        } else {
            TensorInternals.setGradient(leaf, Operands.copy(leaf.gradientType(), gradient));
            drop(buffer, gradient);
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

    /** Takes the gradients of one node. */
    final class Sink implements Gradients {
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
                if (TensorInternals.node(operand) != null || operand.gradient() != null || shared.containsKey(operand)
                        || firsts.putIfAbsent(operand, summed) != null) {
                    deliver(operand, summed, temporaries);
                }
            }
        }

        @Override
        public DType type(int input) {
            Tensor operand = inputs[input];
            Node node = TensorInternals.node(operand);
            if (node == null) {
                return operand.gradient() == null && !shared.containsKey(operand) ? operand.gradientType() : operand.dtype().arithmetic();
            }
            boolean isShort = operand.dtype() == DType.BF16 && operand.backend().productType(DType.BF16) == DType.BF16
                    && !waiting.containsKey(node) && rounds(node);
            return isShort ? DType.BF16 : operand.dtype().arithmetic();
        }

        /** Sets the first gradient of each leaf: the tensor itself if nothing else uses it, or will when that is so, otherwise a copy. */
        void adoptFirsts() {
            firsts.forEach((leaf, gradient) -> {
                if (leaf.gradient() != null || shared.containsKey(leaf)) {
                    deliver(leaf, gradient, temporaries);
                } else if (isShared(gradient) && gradient.dtype() == leaf.gradientType()) {
                    shared.put(leaf, gradient);
                    uses.merge(TensorMemory.buffer(gradient), 1, Integer::sum);
                } else {
                    boolean own = temporaries.owns(gradient) && gradient.isContiguous() || isLeftOver(gradient);
                    boolean stays = own && gradient.dtype() == leaf.gradientType();
                    TensorInternals.setGradient(leaf, stays ? gradient : Operands.copy(leaf.gradientType(), gradient));
                }
            });
        }

        /** Whether a gradient is the incoming one, shares its memory with no other, and was added to no other operand. */
        private boolean isLeftOver(Tensor gradient) {
            return gradient == incoming && ownsIncoming && isExclusive(incoming) && fillsItsMemory(incoming);
        }

        /** Whether a gradient is the incoming one, and other pending ones share its memory. */
        private boolean isShared(Tensor gradient) {
            return gradient == incoming && scope.owns(gradient) && gradient.isContiguous() && !isExclusive(gradient) && fillsItsMemory(gradient);
        }

        private boolean fillsItsMemory(Tensor gradient) {
            return gradient.offset() == 0 && 2 * gradient.elementCount() * gradient.dtype().bytes() > TensorMemory.buffer(gradient).byteSize();
        }

        @Override
        public Tensor accumulator(int input) {
            Node node = TensorInternals.node(inputs[input]);
            Tensor operand = inputs[input];
            if (node == null && !shared.containsKey(operand)) {
                return operand.gradientType() == operand.dtype().arithmetic() ? operand.gradient() : null;
            }
            Tensor present = node == null ? shared.get(operand) : waiting.get(node);
            return present != null && present.dtype() == operand.dtype().arithmetic() && isExclusive(present) ? present : null;
        }

        @Override
        public Tensor rounded() {
            return rounded.of(incoming);
        }

        @Override
        public void leaveRounded(int input, Tensor copy) {
            Tensor sum = accumulator(input);
            if (sum != null) {
                rounded.leave(sum, copy);
            }
        }

        /** The copies of this pass, for a pass that recomputes a part of it. */
        RoundedGradients copies() {
            return rounded;
        }
    }
}
