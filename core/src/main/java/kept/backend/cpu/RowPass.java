package kept.backend.cpu;

/**
 * A pass over two neighbouring rows: it reduces one to some numbers and, in the same loop, finishes the one before by its numbers. {@link
 * RowPipeline} runs it.
 */
@FunctionalInterface
interface RowPass {
    /**
     * A row on its way through the pipeline.
     *
     * @param x its elements
     * @param numbers what passes hand on: what a reduction gives, then what a finish takes
     */
    record Row(RowWindow x, float[] numbers) {
        /** As many numbers as a pass hands on at most. */
        static final int NUMBERS = 2;
    }

    /**
     * What all rows of a task share.
     *
     * @param weight a factor for each column
     * @param bias a term for each column; the weight if there is none
     * @param out the result's row that is being finished
     */
    record Shared(RowWindow weight, RowWindow bias, RowWindow out) {}

    /**
     * Runs the pass.
     *
     * @param next the row to reduce; unused by a pass that only finishes
     * @param done the row to finish; unused by a pass that only reduces
     * @param shared the task's operands
     * @param count the elements of a row
     */
    void run(Row next, Row done, Shared shared, int count);
}
