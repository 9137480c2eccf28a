package kept.cuda.virtual;

import java.util.Arrays;

/**
 * A warp of 32 threads. Registers are arrays with an element per lane; predicates are masks. Of divergent groups of lanes the one with the lowest
 * program counter runs first, and groups at the same instruction reconverge. An instruction that needs other lanes waits for them; if no group can
 * proceed, that is a fault.
 */
final class Warp {
    static final int LANES = 32;
    static final int ALL = -1;

    /** Registers of up to 32 bits, 16-bit ones zero-extended, and constants. */
    final int[][] words;

    /** Registers of 64 bits, and constants. */
    final long[][] longs;

    final Kernel kernel;
    final Block block;

    /** Index of the warp in its block. */
    final int number;

    /** Lanes that are threads of the block. */
    final int threads;

    /** Lanes that have not exited. */
    int live;

    /** Local memory per lane, allocated at its first use. */
    final byte[][] local = new byte[LANES][];

    /** Pending cp.async copies. */
    final AsyncCopies copies;

    /** Barrier that the whole warp waits at; -1 for none. */
    int barrier = -1;

    /** Result of the last barrier with a reduction: number of threads, and of those with a true predicate. */
    int barrierVoters;
    int barrierVotes;

    /** Current instruction. */
    Instruction current;

    /** Number of executed instructions, counting each lane. */
    long laneInstructions;

    /** Location of the last memory access: the bytes and the index in them. */
    byte[] bytes;
    int at;

    /** Lanes that other lanes of the warp wait for at a barrier of the block. */
    private int awaited;

    private final int[] predicates;
    private final Instruction[] code;
    private final int[] groupAt = new int[LANES];
    private final int[] groupMask = new int[LANES];
    private final boolean[] groupWaits = new boolean[LANES];
    private int groups;
    private int limit = Integer.MAX_VALUE;
    private int pc;
    private int active;
    private boolean waits;

    Warp(Kernel kernel, Block block, int number, int threads) {
        this.kernel = kernel;
        this.block = block;
        this.number = number;
        this.threads = threads;
        this.code = kernel.code;
        this.words = kernel.words.clone();
        for (int i = 0; i < words.length; i++) {
            words[i] = words[i] == null ? new int[LANES] : words[i];
        }
        this.longs = kernel.longs.clone();
        for (int i = 0; i < longs.length; i++) {
            longs[i] = longs[i] == null ? new long[LANES] : longs[i];
        }
        this.predicates = new int[kernel.predicateSlots];
        this.copies = new AsyncCopies(this);
    }

    /** Resets all lanes to the first instruction and all registers to zero. */
    void begin() {
        for (int i = 0; i < words.length; i++) {
            if (kernel.words[i] == null) {
                Arrays.fill(words[i], 0);
            }
        }
        for (int i = 0; i < longs.length; i++) {
            if (kernel.longs[i] == null) {
                Arrays.fill(longs[i], 0);
            }
        }
        Arrays.fill(predicates, 0);
        for (byte[] memory : local) {
            if (memory != null) {
                Arrays.fill(memory, (byte) 0);
            }
        }
        kernel.special.fill(this);
        copies.clear();
        live = threads;
        active = threads;
        pc = 0;
        groups = 0;
        limit = Integer.MAX_VALUE;
        waits = false;
        barrier = -1;
        awaited = 0;
    }

    boolean ended() {
        return live == 0;
    }

    /** Runs until all lanes have exited, the warp waits at a barrier of the block, or its time slice ends. */
    void run(long instructions) {
        long count = 0;
        int at = pc;
        while (count < instructions) {
            Instruction instruction = code[at];
            current = instruction;
            pc = at;
            int mask = instruction.guard == Instruction.ALWAYS ? active : active & predicate(instruction.guard);
            count++;
            laneInstructions += Integer.bitCount(mask);
            at = mask == 0 ? instruction.next : instruction.execute(this, mask);
            if (at < 0 || at >= limit) {
                if (at >= 0) {
                    pc = at;
                }
                if (!reschedule()) {
                    return;
                }
                at = pc;
            }
        }
        pc = at;
    }

    /** Merges groups at the same instruction and selects the lowest that can run; returns false if the warp stops here. */
    private boolean reschedule() {
        if (active != 0) {
            push(pc, active, waits);
        }
        if (live == 0 || barrier >= 0) {
            active = groups == 0 ? 0 : groupMask[0];
            pc = groups == 0 ? 0 : groupAt[0];
            groups = 0;
            limit = Integer.MAX_VALUE;
            waits = false;
            return false;
        }
        int lowest = -1;
        for (int i = 0; i < groups; i++) {
            if (!groupWaits[i] && (lowest < 0 || groupAt[i] < groupAt[lowest])) {
                lowest = i;
            }
        }
        if (lowest < 0) {
            throw stuck();
        }
        pc = groupAt[lowest];
        active = groupMask[lowest];
        waits = false;
        remove(lowest);
        limit = Integer.MAX_VALUE;
        for (int i = 0; i < groups; i++) {
            limit = Math.min(limit, groupAt[i]);
        }
        return true;
    }

    /** Adds lanes to the group at an instruction; lanes that join a waiting group wake it. */
    private void push(int at, int mask, boolean waiting) {
        for (int i = 0; i < groups; i++) {
            if (groupAt[i] == at) {
                groupMask[i] |= mask;
                groupWaits[i] = false;
                return;
            }
        }
        groupAt[groups] = at;
        groupMask[groups] = mask;
        groupWaits[groups++] = waiting;
    }

    private void remove(int group) {
        groups--;
        groupAt[group] = groupAt[groups];
        groupMask[group] = groupMask[groups];
        groupWaits[group] = groupWaits[groups];
    }

    /** Returns the lanes of the running group. */
    int active() {
        return active;
    }

    /** Returns whether the running lanes wait for others of the warp. */
    boolean waits() {
        return waits;
    }

    /** Branches with some of the active lanes; the others continue at the next instruction. Returns the instruction to run next. */
    int branch(int mask, int target, int next) {
        if (mask == active) {
            return target;
        }
        if (mask == 0) {
            return next;
        }
        push(target, mask, false);
        active &= ~mask;
        pc = next;
        limit = -1;
        return next;
    }

    /** Makes lanes wait at the current instruction for others; active lanes that do not wait continue after it. */
    int await(int mask, int next) {
        int others = active & ~mask;
        if (others != 0) {
            push(next, others, false);
        }
        active = mask;
        waits = true;
        return Instruction.BLOCKED;
    }

    /**
     * Stops the warp at a barrier of the block. Lanes that are elsewhere must arrive too, unless they are about to exit: a lane that skips a barrier
     * at which others wait is a fault, a lane that only exits is not.
     */
    int stopAtBarrier(int number, int mask, int next) {
        if (mask != live) {
            awaited |= live & ~mask;
            for (int i = 0; i < groups; i++) {
                if (ends(groupAt[i])) {
                    awaited &= ~groupMask[i];
                }
            }
            return await(mask, next);
        }
        awaited = 0;
        barrier = number;
        pc = next;
        return Instruction.BLOCKED;
    }

    /** Returns whether only the exit follows. */
    private boolean ends(int at) {
        int index = at;
        for (int steps = 0; steps < LANES; steps++) {
            Instruction instruction = code[index].uncounted();
            if (instruction.guard != Instruction.ALWAYS) {
                return false;
            }
            if (instruction instanceof Control.End) {
                return true;
            }
            if (!(instruction instanceof Control.Branch branch)) {
                return false;
            }
            index = branch.target;
        }
        return false;
    }

    /** Exits lanes. */
    int end(int mask, int next) {
        if ((mask & awaited) != 0) {
            throw fault(Integer.numberOfTrailingZeros(mask & awaited), "ends while other threads of its warp wait for it at a barrier");
        }
        live &= ~mask;
        active &= ~mask;
        for (int i = 0; i < groups; i++) {
            groupWaits[i] = false;
        }
        if (active == 0) {
            return Instruction.BLOCKED;
        }
        return next;
    }

    /** Returns the mask of a predicate, or of its negation if the slot is the complement of a slot. */
    int predicate(int slot) {
        return slot >= 0 ? predicates[slot] : ~predicates[~slot];
    }

    void setPredicate(int slot, int value, int mask) {
        predicates[slot] = predicates[slot] & ~mask | value & mask;
    }

    /** Returns the index of a lane's thread in its block. */
    int thread(int lane) {
        return number * LANES + lane;
    }

    /** Returns the local memory of a lane. */
    byte[] local(int lane) {
        byte[] memory = local[lane];
        if (memory == null) {
            memory = new byte[kernel.localBytes];
            local[lane] = memory;
        }
        return memory;
    }

    KernelFault fault(int lane, String message) {
        return new KernelFault("%s, thread %s: %s".formatted(place(), block.threadName(thread(lane)), message));
    }

    private String place() {
        return "kernel %s, %s:%d `%s`, block %s".formatted(kernel.name, kernel.file, current.line, current.text, block.name());
    }

    private KernelFault stuck() {
        var groupsText = new StringBuilder();
        for (int i = 0; i < groups; i++) {
            Instruction instruction = code[groupAt[i]];
            groupsText.append("%s lanes 0x%08x wait at line %d `%s`".formatted(i == 0 ? "" : ",", groupMask[i], instruction.line, instruction.text));
        }
        current = code[groupAt[0]];
        return new KernelFault("%s, warp %d: lanes wait for each other in a deadlock:%s; 0x%08x have exited"
                .formatted(place(), number, groupsText, threads & ~live));
    }
}
