package kept.cuda.virtual;

import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import kept.cuda.driver.Grid;
import kept.cuda.driver.LaunchCounts;
import kept.cuda.driver.Pipe;

/** What the blocks of a launch do, as a profiler counts it. Each worker counts its own blocks; {@link #add} joins them. */
final class Counts {
    private static final int SECTOR_SHIFT = 5;
    private static final int BANKS = 32;
    private static final int WORD_SHIFT = 2;

    private final long[] instructions = new long[Pipe.values().length];
    private final Map<Allocation, BitSet> read = new HashMap<>();
    private final Map<Allocation, BitSet> written = new HashMap<>();
    /** Registers of each warp that outstanding loads fill. */
    private final BitSet[] loading;
    /** Whether each warp has waited since its last branch or barrier. The assembler moves loads between two of them to the first. */
    private final boolean[] waited;
    private final long[] sectorsOfWarp = new long[Warp.LANES];
    private final int[] wordsOfPhase = new int[4 * Warp.LANES];
    private final int[] perBank = new int[BANKS];
    private long ptxInstructions;
    private long stalls;
    private long bytesAsked;
    private long sectors;
    private long wavefronts;
    private long leastWavefronts;
    private long multiplyAdds;

    Counts(int warps) {
        loading = new BitSet[warps];
        Arrays.setAll(loading, _ -> new BitSet());
        waited = new boolean[warps];
    }

    /** Begins a block. */
    void begin() {
        for (BitSet registers : loading) {
            registers.clear();
        }
        Arrays.fill(waited, false);
    }

    /** Counts an instruction of a warp that took a number of machine instructions. */
    void executed(Pipe pipe, int machineInstructions) {
        ptxInstructions++;
        instructions[pipe.ordinal()] += machineInstructions;
    }

    void multiplyAdds(long count) {
        multiplyAdds += count;
    }

    /** Counts a wait of a warp for the loads that are outstanding, if one of the registers is among those they fill. */
    void uses(Warp warp, BitSet registers) {
        if (loading[warp.number].intersects(registers)) {
            stalls += waited[warp.number] ? 0 : 1;
            waited[warp.number] = true;
            loading[warp.number].clear();
        }
    }

    /** Records a branch or a barrier. */
    void branches(Warp warp) {
        waited[warp.number] = false;
    }

    void stalls(Warp warp) {
        stalls++;
        loading[warp.number].clear();
    }

    void loads(Warp warp, BitSet registers) {
        loading[warp.number].or(registers);
    }

    /**
     * Counts an access of a warp to device memory.
     *
     * @param addresses address of each lane
     * @param sizes bytes of each lane
     * @param lanes number of lanes
     */
    void device(Warp warp, long[] addresses, int[] sizes, int lanes, boolean writes) {
        int count = 0;
        for (int i = 0; i < lanes; i++) {
            bytesAsked += sizes[i];
            if (sizes[i] > 0) {
                long sector = addresses[i] >>> SECTOR_SHIFT;
                sectorsOfWarp[count++] = sector;
                mark(warp, addresses[i], sector, sizes[i], writes);
            }
        }
        Arrays.sort(sectorsOfWarp, 0, count);
        for (int i = 0; i < count; i++) {
            sectors += i == 0 || sectorsOfWarp[i] != sectorsOfWarp[i - 1] ? 1 : 0;
        }
    }

    private void mark(Warp warp, long address, long sector, int size, boolean writes) {
        Allocation allocation = warp.block.launch().memory().find(address, size);
        if (allocation != null) {
            (writes ? written : read).computeIfAbsent(allocation, _ -> new BitSet()).set((int) (sector - (allocation.base >>> SECTOR_SHIFT)));
        }
    }

    /**
     * Counts an access of a warp to shared memory: 32 banks of 4 bytes; all lanes at once up to 4 bytes each, half of them with 8 and a quarter
     * with 16.
     *
     * @param addresses address of each lane
     * @param lanes number of lanes
     * @param bytes bytes of each lane
     */
    void shared(long[] addresses, int lanes, int bytes) {
        int phase = Math.min(Warp.LANES, 4 * Warp.LANES / Math.max(4, bytes));
        int words = Math.max(1, bytes >> WORD_SHIFT);
        for (int first = 0; first < lanes; first += phase) {
            int count = 0;
            for (int lane = first; lane < Math.min(first + phase, lanes); lane++) {
                for (int word = 0; word < words; word++) {
                    wordsOfPhase[count++] = (int) (addresses[lane] >>> WORD_SHIFT) + word;
                }
            }
            Arrays.sort(wordsOfPhase, 0, count);
            Arrays.fill(perBank, 0);
            int distinct = 0;
            int most = 0;
            for (int i = 0; i < count; i++) {
                if (i == 0 || wordsOfPhase[i] != wordsOfPhase[i - 1]) {
                    distinct++;
                    most = Math.max(most, ++perBank[wordsOfPhase[i] % BANKS]);
                }
            }
            wavefronts += most;
            leastWavefronts += Math.ceilDiv(distinct, BANKS);
        }
    }

    /** Adds the counts of other blocks. */
    void add(Counts other) {
        for (int i = 0; i < instructions.length; i++) {
            instructions[i] += other.instructions[i];
        }
        other.read.forEach((allocation, set) -> read.computeIfAbsent(allocation, _ -> new BitSet()).or(set));
        other.written.forEach((allocation, set) -> written.computeIfAbsent(allocation, _ -> new BitSet()).or(set));
        ptxInstructions += other.ptxInstructions;
        stalls += other.stalls;
        bytesAsked += other.bytesAsked;
        sectors += other.sectors;
        wavefronts += other.wavefronts;
        leastWavefronts += other.leastWavefronts;
        multiplyAdds += other.multiplyAdds;
    }

    LaunchCounts of(KernelLaunch launch) {
        Map<Pipe, Long> byPipe = new EnumMap<>(Pipe.class);
        for (Pipe pipe : Pipe.values()) {
            byPipe.put(pipe, instructions[pipe.ordinal()]);
        }
        long distinct = read.values().stream().mapToLong(BitSet::cardinality).sum() + written.values().stream().mapToLong(BitSet::cardinality).sum();
        return new LaunchCounts(launch.kernel().name, new Grid(launch.x(), launch.y(), launch.z(), launch.threadsX(), launch.threadsY()),
                launch.sharedBytes(), launch.parameters(), ptxInstructions, byPipe, stalls, bytesAsked, sectors, distinct, wavefronts,
                leastWavefronts, multiplyAdds);
    }
}
