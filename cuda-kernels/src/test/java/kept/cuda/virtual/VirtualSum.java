package kept.cuda.virtual;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.nccl.ElementType;

/**
 * A sum over all ranks, as one of them asks for it.
 *
 * @param call the function
 * @param terms address of this rank's terms
 * @param sum address for the sum
 * @param count elements of the sum of one rank
 * @param type their type
 * @param root the rank that gets the sum, {@link #EVERYBODY} or {@link #EACH_ITS_PART}
 */
record VirtualSum(String call, long terms, long sum, long count, ElementType type, int root) implements VirtualClique.Work {
    static final int EVERYBODY = -1;
    static final int EACH_ITS_PART = -2;

    /** The bytes of a rank's sum. */
    long bytes() {
        return count * type.bytes();
    }

    /** The bytes of a rank's terms. */
    long termBytes(int ranks) {
        return root == EACH_ITS_PART ? ranks * bytes() : bytes();
    }

    boolean isFor(int rank) {
        return root < 0 || root == rank;
    }

    /** Where a rank's sum begins among the terms, in bytes. */
    long begin(int rank) {
        return root == EACH_ITS_PART ? rank * bytes() : 0;
    }

    /** Whether a rank's sum would overwrite terms that others are still added to. */
    boolean isOverItsTerms(int rank, int ranks) {
        boolean overlaps = sum < terms + termBytes(ranks) && terms < sum + bytes();
        return overlaps && sum != terms + begin(rank);
    }

    /** Whether two ranks ask for the same. */
    boolean isLike(VirtualSum other) {
        return call.equals(other.call) && count == other.count && type == other.type && root == other.root;
    }

    /** The sum of one rank, of the terms of all: in the arithmetic of the type, from the last rank to the first. */
    byte[] add(byte[][] all) {
        float[] sum = read(all[all.length - 1]);
        for (int rank = all.length - 2; rank >= 0; rank--) {
            float[] next = read(all[rank]);
            for (int i = 0; i < sum.length; i++) {
                sum[i] = rounded(sum[i] + next[i]);
            }
        }
        byte[] bytes = new byte[sum.length * type.bytes()];
        MemorySegment to = MemorySegment.ofArray(bytes);
        for (int i = 0; i < sum.length; i++) {
            int bits = Float.floatToRawIntBits(sum[i]);
            if (type == ElementType.F32) {
                to.set(ValueLayout.JAVA_INT_UNALIGNED, 4L * i, bits);
            } else {
                to.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) (bits >>> 16));
            }
        }
        return bytes;
    }

    private float[] read(byte[] bytes) {
        MemorySegment from = MemorySegment.ofArray(bytes);
        float[] values = new float[bytes.length / type.bytes()];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(type == ElementType.F32 ? from.get(ValueLayout.JAVA_INT_UNALIGNED, 4L * i)
                    : from.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i) << 16);
        }
        return values;
    }

    /** To nearest, ties to even. */
    private float rounded(float value) {
        if (type == ElementType.F32 || Float.isNaN(value)) {
            return value;
        }
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    @Override
    public String toString() {
        String whose = root == EVERYBODY ? "" : root == EACH_ITS_PART ? " for each rank" : " for rank " + root;
        return "%s of %d elements (%s)%s".formatted(call, count, type, whose);
    }
}
