package kept.autograd;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Node;
import kept.tensor.internal.TensorInternals;

/**
 * The results of the recorded operations in a graph, which a backward pass frees as it proceeds. A node is processed after all nodes that use its
 * result, so the result is not needed once the node itself has been processed. Memory shared by several results, such as views, is freed with the
 * last of them. Memory of leaves is never freed.
 */
final class Activations {
    /** Frees nothing. */
    static final Activations KEPT = new Activations();

    private final Scope owner;
    private final Map<Node, Tensor> results = new IdentityHashMap<>();
    /** The number of results of unprocessed nodes in each memory. */
    private final Map<Object, Integer> uses = new IdentityHashMap<>();

    private Activations() {
        owner = null;
    }

    /**
     * Collects the results in a graph.
     *
     * @param root the root of the graph; its own result is never freed
     * @param owner the scope whose tensors may be freed; others are kept
     */
    Activations(Tensor root, Scope owner) {
        this.owner = owner;
        Set<Object> kept = Collections.newSetFromMap(new IdentityHashMap<>());
        kept.add(TensorInternals.memory(root));
        var open = new ArrayDeque<Node>();
        if (TensorInternals.node(root) != null) {
            open.add(TensorInternals.node(root));
        }
        while (!open.isEmpty()) {
            for (Tensor input : open.poll().inputs()) {
                if (TensorInternals.node(input) == null) {
                    if (!input.isReleased()) {
                        kept.add(TensorInternals.memory(input));
                    }
                } else if (results.putIfAbsent(TensorInternals.node(input), input) == null) {
                    open.add(TensorInternals.node(input));
                    if (!input.isReleased()) {
                        uses.merge(TensorInternals.memory(input), 1, Integer::sum);
                    }
                }
            }
        }
        kept.forEach(uses::remove);
    }

    /** Frees the result of a node that has been processed. */
    void passed(Node node) {
        Tensor result = results.remove(node);
        if (result == null || result.isReleased() || !uses.containsKey(TensorInternals.memory(result))) {
            return;
        }
        Object memory = TensorInternals.memory(result);
        if (uses.merge(memory, -1, Integer::sum) == 0) {
            uses.remove(memory);
            owner.release(result);
        }
    }
}
