package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A thread's scratch memory, which kernels reuse from task to task; it grows to the needs of the largest task. Contents are arbitrary. */
final class Workspace {
    private static final ThreadLocal<Workspace> OF_THREAD = ThreadLocal.withInitial(Workspace::new);

    /**
     * The purposes of scratch memory. Memory that a task uses at the same time has different slots; memory that is never used together may share one.
     */
    enum Slot {
        /** A tile of a product of which only a part is inside the result. */
        TILE,
        /** The left operand of a product, packed. */
        LEFT,
        /** The right operand of a product, packed. */
        RIGHT,
        /** A row of a matrix, widened. */
        ROW,
        /** Sums of dot products by lane, a vector for each row of a matrix. */
        LANES,
        /** Scales of rows of a matrix in blocks, widened. */
        SCALES,
        /** The right sides of a triangular system. */
        COLUMNS,
        /** The blocks in which {@link Packing} transposes, and results that are transposed back. */
        TRANSPOSITION,
        /** Keys of attention in panels, to be multiplied with queries. */
        KEYS,
        /** Values of attention in panels. */
        VALUES,
        /** Keys in panels, transposed. */
        TRANSPOSED_KEYS,
        /** Queries in panels. */
        QUERIES,
        /** Queries in panels, transposed. */
        TRANSPOSED_QUERIES,
        /** Gradients of attention's result in panels. */
        GRADIENTS,
        /** Gradients of attention's result in panels, transposed. */
        TRANSPOSED_GRADIENTS,
        /** Scores of keys and queries, then their probabilities. */
        SCORES,
        /** The gradients of scores. */
        SCORE_GRADIENTS,
        /** Sums over keys, for each query. */
        QUERY_SUMS,
        /** Sums over queries, for each key. */
        KEY_SUMS,
        /** The exponentials of a row of logits; in a distillation the teacher's. */
        EXPONENTIALS,
        /** The exponentials of a student's row of logits. */
        STUDENT_EXPONENTIALS,
        /** The values that a distillation averages over a row. */
        AVERAGED,
        /** A block of a student's exponentials at temperature 1. */
        STUDENT_BLOCK,
        /** Runs of operands as f32. */
        RUNS(RunWindow.WINDOWS),
        /** Sums of chunks of rows. */
        CHUNK_SUMS(PartialSums.CHUNKS);

        private final int parts;

        Slot() {
            this(1);
        }

        Slot(int parts) {
            this.parts = parts;
        }
    }

    private static final int SLOTS = Slot.values().length;

    private final float[][][] floats = new float[SLOTS][][];
    private final double[][] doubles = new double[SLOTS][];
    private final MemorySegment[][] segments = new MemorySegment[SLOTS][];

    private Workspace() {
        for (Slot slot : Slot.values()) {
            floats[slot.ordinal()] = new float[slot.parts][0];
            doubles[slot.ordinal()] = new double[0];
            segments[slot.ordinal()] = new MemorySegment[slot.parts];
        }
    }

    /**
     * The calling thread's workspace.
     *
     * @return the workspace
     */
    static Workspace ofThread() {
        return OF_THREAD.get();
    }

    /**
     * An array.
     *
     * @param slot its purpose
     * @param count the number of floats
     * @return an array of at least this length
     */
    float[] floats(Slot slot, int count) {
        return floats(slot, 0, count);
    }

    /**
     * One of several arrays; different threads may request different parts at the same time.
     *
     * @param slot their purpose
     * @param part the index of the one
     * @param count the number of floats
     * @return an array of at least this length
     */
    float[] floats(Slot slot, int part, int count) {
        float[][] parts = floats[slot.ordinal()];
        if (parts[part].length < count) {
            // Grows in large steps: the keys of a long text grow piece by piece or token by token, and should not need a new array each time.
            parts[part] = new float[Math.max(count, parts[part].length + parts[part].length / 4)];
        }
        return parts[part];
    }

    /**
     * An array in double precision.
     *
     * @param slot its purpose
     * @param count the number of doubles
     * @return an array of at least this length
     */
    double[] doubles(Slot slot, int count) {
        int index = slot.ordinal();
        if (doubles[index].length < count) {
            doubles[index] = new double[count];
        }
        return doubles[index];
    }

    /**
     * Native memory.
     *
     * @param slot its purpose
     * @param count the number of floats
     * @return a segment of at least this length
     */
    MemorySegment segment(Slot slot, int count) {
        return segment(slot, 0, count);
    }

    /**
     * One of several native segments.
     *
     * @param slot their purpose
     * @param part the index of the one
     * @param count the number of floats
     * @return a segment of at least this length
     */
    MemorySegment segment(Slot slot, int part, int count) {
        MemorySegment[] parts = segments[slot.ordinal()];
        long bytes = (long) count * Float.BYTES;
        if (parts[part] == null || parts[part].byteSize() < bytes) {
            parts[part] = Arena.ofAuto().allocate(bytes, MemoryPool.ALIGNMENT);
        }
        return parts[part];
    }
}
