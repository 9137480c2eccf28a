package kept.autograd;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import kept.backend.Buffer;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Node;
import kept.tensor.internal.TensorInternals;

/**
 * What the recorded operations below a root gave, to be freed as a backward pass is done with it: a node is walked after all that use its result, so
 * when it has been walked itself, nothing needs the result any more. Memory that several results share, such as views, is freed with the last of
 * them; memory of leaves never.
 */
final class Activations {
    /** Frees nothing. */
    static final Activations KEPT = new Activations();

    private final Scope owner;
    private final Map<Node, Tensor> results = new IdentityHashMap<>();
    /** How many results, of nodes that have not been walked, lie in a buffer. */
    private final Map<Buffer, Integer> uses = new IdentityHashMap<>();

    private Activations() {
        owner = null;
    }

    /**
     * Looks through a graph.
     *
     * @param root is itself never freed
     * @param owner only what this scope owns is freed
     */
    Activations(Tensor root, Scope owner) {
        this.owner = owner;
        Set<Buffer> kept = Collections.newSetFromMap(new IdentityHashMap<>());
        kept.add(TensorMemory.buffer(root));
        var open = new ArrayDeque<Node>();
        if (TensorInternals.node(root) != null) {
            open.add(TensorInternals.node(root));
        }
        while (!open.isEmpty()) {
            for (Tensor input : open.poll().inputs()) {
                if (TensorInternals.node(input) == null) {
                    if (!input.isReleased()) {
                        kept.add(TensorMemory.buffer(input));
                    }
                } else if (results.putIfAbsent(TensorInternals.node(input), input) == null) {
                    open.add(TensorInternals.node(input));
                    if (!input.isReleased()) {
                        uses.merge(TensorMemory.buffer(input), 1, Integer::sum);
                    }
                }
            }
        }
        kept.forEach(uses::remove);
    }

    /** Frees the result of a node that has been walked. */
    void passed(Node node) {
        Tensor result = results.remove(node);
        if (result == null || result.isReleased() || !uses.containsKey(TensorMemory.buffer(result))) {
            return;
        }
        Buffer buffer = TensorMemory.buffer(result);
        if (uses.merge(buffer, -1, Integer::sum) == 0) {
            uses.remove(buffer);
            owner.release(result);
        }
    }
}
