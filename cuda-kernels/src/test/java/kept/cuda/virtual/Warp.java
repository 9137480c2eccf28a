package kept.cuda.virtual;

import java.util.Arrays;

/**
 * 32 threads that run together. Registers are arrays with an element for each lane; predicates are masks. Where lanes diverge, the group with the
 * lowest program counter goes first, and groups that meet go on as one. An instruction that needs other lanes waits for them; when nobody can go on,
 * that is a fault.
 */
final class Warp {
    static final int LANES = 32;
    static final int ALL = -1;

    /** Registers of up to 32 bits, those of 16 with zeros above, and constants. */
    final int[][] words;

    /** Registers of 64 bits, and constants. */
    final long[][] longs;

    final Kernel kernel;
    final Block block;

    /** The number of the warp in its block. */
    final int number;

    /** The lanes that are threads of the block. */
    final int threads;

    /** The lanes that have not ended. */
    int live;

    /** The local memory of each lane, made when first used. */
    final byte[][] local = new byte[LANES][];

    /** Copies of cp.async that have not landed. */
    final AsyncCopies copies;

    /** The barrier the whole warp waits at, or -1. */
    int barrier = -1;

    /** What the last barrier with a reduction gathered: threads, and those whose predicate held. */
    int barrierVoters;
    int barrierVotes;

    /** The instruction that runs. */
    Instruction current;

    /** Instructions run, counting each lane. */
    long laneInstructions;

    /** Where the last access went: the bytes, and the place in them. */
    byte[] bytes;
    int at;

    /** Lanes that others of the warp wait for at a barrier of the block. */
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

    /** Puts all lanes before the first instruction, every register at zero. */
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

    /** Runs until all lanes have ended or the warp waits at a barrier of the block, or until the time is up. */
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

    /** Merges groups that have met and takes the lowest that can run; false if the warp stops here. */
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

    /** Adds lanes at an instruction, to those that are there already if any; who comes to a waiting group wakes it. */
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

    /** The lanes of the group that runs. */
    int active() {
        return active;
    }

    /** Sends some of the active lanes elsewhere; the others go on at the next instruction. Answers what to go on with. */
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

    /** Lets lanes wait at the running instruction for others to come; active lanes that do not wait go on behind it. */
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
     * Stops the warp at a barrier of the block, behind which it goes on. Lanes that are elsewhere must come too, unless they are about to end: a lane
     * that skips a barrier where others wait is a fault, one that has nothing left to do is not.
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

    /** Whether nothing but the end follows. */
    private boolean ends(int at) {
        int index = at;
        for (int steps = 0; steps < LANES; steps++) {
            Instruction instruction = code[index];
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

    /** Ends lanes. */
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

    /** The mask of a predicate, or of its opposite if the slot is the complement of one. */
    int predicate(int slot) {
        return slot >= 0 ? predicates[slot] : ~predicates[~slot];
    }

    void setPredicate(int slot, int value, int mask) {
        predicates[slot] = predicates[slot] & ~mask | value & mask;
    }

    /** The number of a lane's thread in its block. */
    int thread(int lane) {
        return number * LANES + lane;
    }

    /** The local memory of a lane. */
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
        return new KernelFault("%s, warp %d: lanes that should meet never do:%s; 0x%08x have ended"
                .formatted(place(), number, groupsText, threads & ~live));
    }
}
