package kept.generation;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Finds the largest of many scores in linear time, without sorting the others. */
final class TopScores {
    private static final int HALF = Short.SIZE;
    private static final int LOW = (1 << HALF) - 1;

    private TopScores() {}

    /**
     * Returns the ids of the largest scores, and of those that equal the smallest of them.
     *
     * @param count how many, from 1 to the number of scores
     * @param scores one per id, no NaN
     * @return at least {@code count} ids in descending order of scores; ties by ascending id, which PyTorch's sort leaves undefined
     */
    static int[] descending(int count, float... scores) {
        if (count == scores.length) {
            return sorted(IntStream.range(0, scores.length).toArray(), scores);
        }
        int smallest = kthLargest(count, scores);
        return sorted(IntStream.range(0, scores.length).filter(id -> Integer.compareUnsigned(ordered(scores[id]), smallest) >= 0).toArray(), scores);
    }

    private static int[] sorted(int[] ids, float... scores) {
        long[] keys = Arrays.stream(ids).mapToLong(id -> (long) (~ordered(scores[id]) ^ Integer.MIN_VALUE) << Integer.SIZE | id).toArray();
        Arrays.sort(keys);
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }

    /** Maps a score to an integer that is larger, unsigned, for a larger score; -0 and 0 are equal. */
    private static int ordered(float score) {
        int bits = Float.floatToIntBits(score + 0f);
        return bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE;
    }

    /** Selects by counting the upper halves of the integers, then the lower halves of those with the upper half found. */
    private static int kthLargest(int k, float... scores) {
        var counts = new int[LOW + 1];
        for (float score : scores) {
            counts[ordered(score) >>> HALF]++;
        }
        int left = k;
        int upper = LOW;
        while (left > counts[upper]) {
            left -= counts[upper--];
        }
        var lowerCounts = new int[LOW + 1];
        for (float score : scores) {
            int key = ordered(score);
            if (key >>> HALF == upper) {
                lowerCounts[key & LOW]++;
            }
        }
        int lower = LOW;
        while (left > lowerCounts[lower]) {
            left -= lowerCounts[lower--];
        }
        return upper << HALF | lower;
    }
}
