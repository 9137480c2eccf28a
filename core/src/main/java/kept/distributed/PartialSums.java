package kept.distributed;

import java.util.HashMap;
import java.util.Map;
import kept.backend.Binary;
import kept.distributed.Leaves.Node;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The sum of a tree whose nodes arrive in any order. Two siblings are added as soon as both are here, the left one on the left; a node whose sibling
 * covers no leaf is its parent. So the bits depend on the tree alone, and as few sums are kept as the order of arrival allows.
 */
final class PartialSums {
    private final long count;
    private final Node root;
    /** Where new sums live. */
    private final Scope scope;
    private final Map<Node, Term> waiting = new HashMap<>();

    /** A tensor, and whether its memory may be overwritten. */
    private record Term(Tensor tensor, boolean owned) {}

    /**
     * A sum without terms.
     *
     * @param count the number of leaves
     * @param scope owns the sums that need memory of their own
     */
    PartialSums(long count, Scope scope) {
        this.count = count;
        this.scope = scope;
        root = Leaves.root(count);
    }

    /** Whether the sibling of a node has been added, and waits for it. */
    boolean awaits(Node node) {
        return waiting.containsKey(node.sibling());
    }

    /**
     * Adds the sum of a subtree.
     *
     * @param start the subtree
     * @param tensor its sum; of all terms, the shapes and dtypes are equal
     * @param owned whether its memory may be overwritten; if not, it must stay unchanged until the sum is complete
     * @return the sum of the tree if it is complete, else null
     */
    Tensor add(Node start, Tensor tensor, boolean owned) {
        Node node = start;
        Term term = new Term(tensor, owned);
        while (!node.equals(root)) {
            if (node.sibling().size(count) > 0) {
                Term other = waiting.remove(node.sibling());
                if (other == null) {
                    waiting.put(node, term);
                    return null;
                }
                term = node.isLeft() ? sum(term, other) : sum(other, term);
            }
            node = node.parent();
        }
        return term.tensor;
    }

    private Term sum(Term left, Term right) {
        Tensor out = right.owned ? right.tensor : left.owned ? left.tensor
                : scope.run(() -> Tensor.empty(left.tensor.dtype(), left.tensor.shape()));
        out.backend().binary(Binary.ADD, left.tensor, right.tensor, out);
        if (left.owned && out != left.tensor) {
            scope.release(left.tensor);
        }
        return new Term(out, true);
    }
}
