package kept.cuda.virtual;

/** A decoded instruction. Its operands are slots in the register files of a warp, so that execution needs no look-ups by name. */
abstract class Instruction {
    /** Slot of an instruction without a guard. */
    static final int ALWAYS = Integer.MIN_VALUE;

    /** Result of {@link #execute} when the active lanes wait or have ended. */
    static final int BLOCKED = -1;

    /** Line in the PTX text. */
    int line;

    /** Source text of the statement. */
    String text;

    /** Slot of the guard as for {@link Warp#predicate}, or {@link #ALWAYS}. */
    int guard = ALWAYS;

    /** Index of the following instruction. */
    int next;

    /** Returns the instruction itself, or the one that it counts. */
    Instruction uncounted() {
        return this;
    }

    /**
     * Executes the instruction.
     *
     * @param warp warp
     * @param mask active lanes whose guard is true
     * @return index of the next instruction, or {@link #BLOCKED}
     */
    abstract int execute(Warp warp, int mask);
}
