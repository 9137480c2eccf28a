package kept.bench.recording;

import kept.bench.recording.Recording.Launch;

/** The work of kernels over strided operands, whose last argument is the struct {@code Loops} of {@code elements.cuh}. */
final class StridedWork {
    /** Maximum number of axes, as in the struct. */
    private static final int AXES = 6;

    private StridedWork() {}

    /**
     * Derives the work of a launch.
     *
     * @param launch recorded launch
     * @param at offset of the struct among the arguments
     * @param bytes size of an element of each operand
     * @return elements, and the bytes of the distinct elements of all operands
     */
    static KernelWork of(Launch launch, int at, int... bytes) {
        Arguments words = launch.arguments();
        long count = words.longAt(at);
        long axes = words.longAt(at + 8);
        double total = 0;
        for (int operand = 0; operand < bytes.length; operand++) {
            total += bytes[operand] * distinct(words, at, operand, bytes.length, count, axes);
        }
        return new KernelWork(count, total, 0);
    }

    /** Returns the number of elements of an operand; axes along which it is broadcast do not count. */
    private static double distinct(Arguments words, int at, int operand, int operands, long count, long axes) {
        if (axes == 0) {
            return words.longAt(at + 8 * (2 + operand)) == 0 ? 1 : count;
        }
        double elements = 1;
        for (int axis = 0; axis < axes; axis++) {
            int place = at + 8 * (2 + operands + axis * (2 + operands));
            if (words.longAt(place + 8 * (2 + operand)) != 0) {
                elements *= words.longAt(place) & 0xffffffffL;
            }
        }
        return elements;
    }

    /** Returns the size of the struct for a number of operands in bytes. */
    static int wordBytes(int operands) {
        return 8 * (2 + operands + AXES * (2 + operands));
    }
}
