package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.util.function.Function;
import kept.tensor.Tensor;

/**
 * Computes rows each of which is first reduced to some numbers, from which its results follow: layer norm and RMSNorm. To read a
 * row, wait for its sum and then scale it would leave the memory idle while the row is scaled in the cache. Here row {@code r + 1} is reduced by the
 * same loop that finishes row r, so that memory is read and written at the same time:
 *
 * <pre>
 *   reduce row 0
 *   reduce row 1, finish row 0
 *   reduce row 2, finish row 1
 *   ...
 *   finish the last row
 * </pre>
 *
 * <p>A result may be in the memory of an operand: a row is reduced before it is overwritten. Which rows share a loop does not change the results.
 */
final class RowPipeline {
    private final RowPass reduce;
    private final RowPass both;
    private final RowPass finish;

    /** The part of a pass that a copy of its loop has. */
    enum Stage {
        /** Reduces the next row. */
        REDUCE,
        /** Reduces the next row and finishes the one before. */
        BOTH,
        /** Finishes the row before. */
        FINISH;

        boolean reduces() {
            return this != FINISH;
        }

        boolean finishes() {
            return this != REDUCE;
        }
    }

    /**
     * The operands of a kernel.
     *
     * @param x rows
     * @param weight a factor for each column
     * @param bias a term for each column, or null
     * @param out rows
     */
    record Operands(Tensor x, Tensor weight, Tensor bias, Tensor out) {}

    /** The arithmetic of a kernel between passes. */
    @FunctionalInterface
    interface Numbers {
        /**
         * Computes what finishing a row takes from what its reduction has given.
         *
         * @param row the row
         * @param reduced its operands and numbers, to be replaced by those for the finish
         */
        void reduced(long row, RowPass.Row reduced);
    }

    /**
     * A pipeline of the copies of a loop.
     *
     * @param pass makes the copy for a stage
     */
    RowPipeline(Function<Stage, RowPass> pass) {
        reduce = pass.apply(Stage.REDUCE);
        both = pass.apply(Stage.BOTH);
        finish = pass.apply(Stage.FINISH);
    }

    /**
     * Computes some rows, as a task.
     *
     * @param first the first row
     * @param end the row after the last
     * @param operands the kernel's operands
     * @param numbers the arithmetic between passes
     */
    void run(long first, long end, Operands operands, Numbers numbers) {
        int width = RowWindow.width(operands.x);
        try (Arena arena = Arena.ofConfined()) {
            RowPass.Row next = row(operands, width, arena);
            RowPass.Row done = row(operands, width, arena);
            RowWindow weight = new RowWindow(operands.weight, width, arena).read(0, width);
            RowWindow bias = operands.bias == null ? weight : new RowWindow(operands.bias, width, arena).read(0, width);
            RowWindow out = new RowWindow(operands.out, width, arena);
            var shared = new RowPass.Shared(weight, bias, out);
            for (long row = first; row <= end; row++) {
                if (row < end) {
                    next.x().read(row * width, width);
                }
                if (row > first) {
                    out.place((row - 1) * width, width);
                }
                (row == first ? reduce : row < end ? both : finish).run(next, done, shared, width);
                if (row > first) {
                    out.write((row - 1) * width, width);
                }
                if (row < end) {
                    numbers.reduced(row, next);
                }
                RowPass.Row free = done;
                done = next;
                next = free;
            }
        }
    }

    private static RowPass.Row row(Operands operands, int width, Arena arena) {
        return new RowPass.Row(new RowWindow(operands.x, width, arena), new float[RowPass.Row.NUMBERS]);
    }
}
