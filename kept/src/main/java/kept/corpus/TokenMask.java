package kept.corpus;

import java.util.Arrays;

/**
 * Token ids of which some are read but not learnt from: a model sees them, and no loss is taken for predicting them. Such an id is stored as its
 * complement, a negative number.
 */
public final class TokenMask {
    private TokenMask() {}

    /**
     * Marks an id as not learnt from.
     *
     * @param id a token id, at least 0
     * @return a negative number
     */
    public static int masked(int id) {
        return ~id;
    }

    /**
     * Whether an id is marked.
     *
     * @param id a token id, marked or not
     * @return true if nothing is learnt from it
     */
    public static boolean isMasked(int id) {
        return id < 0;
    }

    /**
     * An id without its mark.
     *
     * @param id a token id, marked or not
     * @return the token id
     */
    public static int id(int id) {
        return id < 0 ? ~id : id;
    }

    /**
     * Ids without their marks.
     *
     * @param ids token ids, marked or not
     * @return the token ids
     */
    public static int[] ids(int... ids) {
        return Arrays.stream(ids).map(TokenMask::id).toArray();
    }
}
