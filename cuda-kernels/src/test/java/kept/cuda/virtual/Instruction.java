package kept.cuda.virtual;

/** A decoded instruction. Its operands are slots in the register files of a warp, so that running it looks nothing up. */
abstract class Instruction {
    /** No guard. */
    static final int ALWAYS = Integer.MIN_VALUE;

    /** What {@link #execute} answers when the warp cannot go on: its lanes wait, or have ended. */
    static final int BLOCKED = -1;

    /** The line in the PTX text. */
    int line;

    /** The statement as written. */
    String text;

    /** The slot of the predicate that guards it, as {@link Warp#predicate} takes it, or {@link #ALWAYS}. */
    int guard = ALWAYS;

    /** The index of the instruction after it. */
    int next;

    /**
     * Runs it.
     *
     * @param warp the warp
     * @param mask the lanes that run it, those at this instruction whose guard is true
     * @return the index of the instruction to go on with, or {@link #BLOCKED}
     */
    abstract int execute(Warp warp, int mask);
}
