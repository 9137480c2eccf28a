package kept.distributed;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import kept.tensor.TensorException;

/**
 * The terms of a sum, the leaves of its {@linkplain kept.distributed tree}, divided over ranks. Each rank has a run of leaves that is a subtree, so
 * that it adds its own without the others, and the sum has the same bits for every number of ranks. Runs are as even as subtrees can be: all are
 * equal if the number of leaves is the number of ranks times a power of two. With fewer leaves than ranks the last ranks have none.
 */
public final class Leaves {
    private final long count;
    private final Node[] nodes;

    /**
     * A node of the tree: it covers leaves {@code index << level} to {@code (index + 1 << level) - 1}, as far as they exist.
     *
     * @param level 0 for leaves
     * @param index among the nodes of the level
     */
    record Node(int level, long index) {
        long first() {
            return index << level;
        }

        long end(long count) {
            return Math.min(index + 1 << level, count);
        }

        long size(long count) {
            return Math.max(end(count) - first(), 0);
        }

        Node parent() {
            return new Node(level + 1, index >> 1);
        }

        Node sibling() {
            return new Node(level, index ^ 1);
        }

        boolean isLeft() {
            return (index & 1) == 0;
        }
    }

    private Leaves(long count, Node... nodes) {
        this.count = count;
        this.nodes = nodes;
    }

    /**
     * Divides leaves over ranks.
     *
     * @param count the number of leaves, 1 or more
     * @param ranks the number of ranks, 1 or more
     * @return the division
     */
    public static Leaves of(long count, int ranks) {
        if (count < 1 || count > 1L << 62 || ranks < 1) {
            throw new TensorException("[leaves] %d leaves cannot be divided over %d ranks; both must be 1 or more".formatted(count, ranks));
        }
        List<Node> runs = new ArrayList<>();
        runs.add(root(count));
        while (runs.size() < ranks) {
            int largest = 0;
            for (int i = 1; i < runs.size(); i++) {
                if (runs.get(i).size(count) > runs.get(largest).size(count)) {
                    largest = i;
                }
            }
            Node node = runs.get(largest);
            if (node.size(count) < 2) {
                break;
            }
            Node left = new Node(node.level - 1, 2 * node.index);
            runs.set(largest, left);
            if (left.sibling().size(count) > 0) {
                runs.add(largest + 1, left.sibling());
            }
        }
        Node[] nodes = new Node[ranks];
        for (int i = 0; i < runs.size(); i++) {
            nodes[i] = runs.get(i);
        }
        return new Leaves(count, nodes);
    }

    /** The node that covers all leaves. */
    static Node root(long count) {
        return new Node(64 - Long.numberOfLeadingZeros(count - 1), 0);
    }

    /**
     * The number of leaves.
     *
     * @return 1 or more
     */
    public long count() {
        return count;
    }

    /**
     * The number of ranks.
     *
     * @return 1 or more
     */
    public int ranks() {
        return nodes.length;
    }

    /**
     * The first leaf of a rank.
     *
     * @param rank the rank
     * @return its index; {@link #count} if the rank has none
     */
    public long first(int rank) {
        Node node = node(rank);
        return node == null ? count : node.first();
    }

    /**
     * The end of a rank's leaves.
     *
     * @param rank the rank
     * @return the index after its last leaf
     */
    public long end(int rank) {
        Node node = node(rank);
        return node == null ? count : node.end(count);
    }

    /**
     * The number of a rank's leaves.
     *
     * @param rank the rank
     * @return 0 or more
     */
    public long size(int rank) {
        return end(rank) - first(rank);
    }

    /** The node that covers a rank's leaves, or null if it has none. */
    Node node(int rank) {
        return nodes[Objects.checkIndex(rank, nodes.length)];
    }

    /** The numbers of leaves of each rank. */
    @Override
    public String toString() {
        var text = new StringBuilder(count + " leaves:");
        for (int rank = 0; rank < nodes.length; rank++) {
            text.append(' ').append(size(rank));
        }
        return text.toString();
    }
}
