package kept.distributed;

import java.util.Objects;
import kept.tensor.TensorException;

/**
 * The elements of a tensor in row-major order, divided into one part for each rank. Every part begins at a multiple of the block size, and parts
 * differ by at most one block, so that some are empty if there are fewer blocks than ranks.
 *
 * @param elements how many elements are divided, 0 or more
 * @param ranks the number of parts, 1 or more
 * @param block the number of elements that stay together, 1 or more
 */
public record Division(long elements, int ranks, long block) {
    /** Validates the numbers. */
    public Division {
        if (elements < 0 || ranks < 1 || block < 1) {
            throw new TensorException("[division] %d elements in blocks of %d cannot be divided over %d ranks".formatted(elements, block, ranks));
        }
    }

    /**
     * Divides single elements.
     *
     * @param elements how many elements are divided, 0 or more
     * @param ranks the number of parts, 1 or more
     * @return the division
     */
    public static Division of(long elements, int ranks) {
        return new Division(elements, ranks, 1);
    }

    /**
     * Where a rank's part begins.
     *
     * @param rank the rank
     * @return the index of its first element
     */
    public long begin(int rank) {
        return border(Objects.checkIndex(rank, ranks));
    }

    /**
     * Where a rank's part ends.
     *
     * @param rank the rank
     * @return the index after its last element
     */
    public long end(int rank) {
        return border(Objects.checkIndex(rank, ranks) + 1);
    }

    /**
     * The size of a rank's part.
     *
     * @param rank the rank
     * @return the number of its elements
     */
    public long size(int rank) {
        return end(rank) - begin(rank);
    }

    /** The first ranks have one block more where the number of blocks does not divide. */
    private long border(int rank) {
        long blocks = elements / block + (elements % block == 0 ? 0 : 1);
        long first = blocks / ranks * rank + Math.min(blocks % ranks, rank);
        return first == blocks ? elements : first * block;
    }
}
