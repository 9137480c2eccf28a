package kept.distributed;

import java.util.function.BinaryOperator;
import java.util.function.LongFunction;

/** The sum over the tree as its definition says, by recursion: the reference of the tests. */
final class ReferenceTree {
    private ReferenceTree() {}

    static <T> T sum(long leaves, LongFunction<T> leaf, BinaryOperator<T> add) {
        long width = 1;
        while (width < leaves) {
            width *= 2;
        }
        return sum(0, width, leaves, leaf, add);
    }

    private static <T> T sum(long from, long width, long leaves, LongFunction<T> leaf, BinaryOperator<T> add) {
        if (width == 1) {
            return leaf.apply(from);
        }
        T left = sum(from, width / 2, leaves, leaf, add);
        return from + width / 2 >= leaves ? left : add.apply(left, sum(from + width / 2, width / 2, leaves, leaf, add));
    }
}
