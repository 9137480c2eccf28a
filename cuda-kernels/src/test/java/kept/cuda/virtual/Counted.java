package kept.cuda.virtual;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import kept.cuda.driver.Pipe;

/** Counts an instruction when it executes it. A counted kernel consists of these, so that other kernels run as fast as without counting. */
final class Counted extends Instruction {
    private static final Pattern REGISTER = Pattern.compile("%[a-z]+\\d+(?:#\\w+)?");

    private final Instruction counted;
    private final IssueCost cost;
    /** All registers of the statement, which it reads or overwrites. */
    private final BitSet registers;
    /** Registers that the statement loads from device memory; empty for other statements. */
    private final BitSet loaded;
    private final boolean isWholeWarp;

    private Counted(Instruction counted, BitSet registers, BitSet loaded) {
        this.counted = counted;
        this.registers = registers;
        cost = IssueCost.of(counted.text);
        this.loaded = loaded;
        isWholeWarp = counted instanceof MatrixOps.WholeWarp;
        line = counted.line;
        text = counted.text;
        next = counted.next;
    }

    /** Returns the same kernel with counted instructions. */
    static Kernel of(Kernel kernel) {
        Map<String, Integer> names = new HashMap<>();
        Kernel copy = kernel.copy();
        copy.code = new Instruction[kernel.code.length];
        for (int i = 0; i < copy.code.length; i++) {
            Instruction instruction = kernel.code[i];
            boolean loads = instruction instanceof MemoryOps.Load load && load.space != MemoryAccess.Space.SHARED
                    && load.space != MemoryAccess.Space.PARAMETER;
            // A load names the registers that it fills before its address.
            BitSet loaded = loads ? registers(instruction.text.substring(0, instruction.text.indexOf('[')), names) : new BitSet();
            copy.code[i] = new Counted(instruction, registers(instruction.text, names), loaded);
        }
        return copy;
    }

    private static BitSet registers(String text, Map<String, Integer> names) {
        BitSet registers = new BitSet();
        Matcher register = REGISTER.matcher(text);
        while (register.find()) {
            registers.set(names.computeIfAbsent(register.group(), _ -> names.size()));
        }
        return registers;
    }

    @Override
    Instruction uncounted() {
        return counted;
    }

    @Override
    int execute(Warp warp, int mask) {
        Counts counts = warp.block.counts();
        int active = counted.guard == ALWAYS ? mask : mask & warp.predicate(counted.guard);
        counts.uses(warp, registers);
        if (active == 0) {
            counts.executed(cost.pipe(), cost.count());
            return next;
        }
        // Instructions of a whole warp execute again when the missing lanes arrive.
        if (counted instanceof MemoryAccess access && !(isWholeWarp && active != Warp.ALL)) {
            access.count(warp, active, counts);
        }
        if (counted instanceof MemoryOps.WaitGroup) {
            counts.stalls(warp);
        }
        int to = counted.execute(warp, active);
        if (to != BLOCKED || !warp.waits()) {
            counts.executed(cost.pipe(), cost.count());
        }
        counts.loads(warp, loaded);
        if (cost.pipe() == Pipe.CONTROL) {
            counts.branches(warp);
        }
        return to;
    }
}
