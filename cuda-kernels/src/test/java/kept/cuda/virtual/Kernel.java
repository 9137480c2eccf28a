package kept.cuda.virtual;

import java.util.List;
import kept.cuda.driver.Parameter;

/** A decoded kernel. */
final class Kernel {
    /** The entry's name. */
    String name;

    /** The name of the PTX. */
    String file;

    /** Its instructions, those of the functions it calls among them. */
    Instruction[] code;

    /** A constant in each of its lanes, or null for a register. */
    int[][] words;

    /** Likewise of 64 bits. */
    long[][] longs;

    int predicateSlots;

    /** The registers that tell a thread who it is. */
    SpecialRegisters special;

    /** Where each argument lies. */
    List<Parameter> parameters;

    /** The bytes of all arguments. */
    int parameterBytes;

    /** Shared memory of fixed size, which begins at {@link SharedMemory#FIRST}. */
    int sharedBytes;

    /** Local memory of a thread. */
    int localBytes;

    /** Threads of a block at most, or 0 where the kernel does not say. */
    int maxThreads;

    /** The narrowest access to shared memory: 1, 2 or 4 bytes; finer it need not be watched. */
    int sharedGranule = 4;

    /** The narrowest access to device memory, up to 16 bytes; finer it need not be watched. */
    int deviceGranule = 16;

    /** Whether blocks may meet through atomics on device memory, so that their order must be fixed. */
    boolean ordersBlocks;
}
