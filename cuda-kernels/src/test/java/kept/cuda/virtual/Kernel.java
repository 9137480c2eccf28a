package kept.cuda.virtual;

import java.util.List;
import kept.cuda.driver.Parameter;

/** A decoded kernel. */
final class Kernel implements Cloneable {
    /** Name of the entry. */
    String name;

    /** Name of the PTX file. */
    String file;

    /** Instructions, including those of inlined functions. */
    Instruction[] code;

    /** Constant per slot of the word file, broadcast to all lanes; null for a register. */
    int[][] words;

    /** Constant per slot of the 64-bit file; null for a register. */
    long[][] longs;

    int predicateSlots;

    /** Special registers such as {@code %tid.x}. */
    SpecialRegisters special;

    /** Layout of the parameters. */
    List<Parameter> parameters;

    /** Size of all parameters in bytes. */
    int parameterBytes;

    /** Static shared memory in bytes, which begins at {@link SharedMemory#FIRST}. */
    int sharedBytes;

    /** Local memory per thread in bytes. */
    int localBytes;

    /** Maximum threads per block; 0 if the kernel does not specify it. */
    int maxThreads;

    /** Maximum registers of a thread; 0 if not specified. */
    int maxRegisters;

    /** Size of the narrowest access to shared memory, 1, 2 or 4 bytes: the granularity of race detection. */
    int sharedGranule = 4;

    /** Size of the narrowest access to device memory, at most 16 bytes: the granularity of race detection. */
    int deviceGranule = 16;

    /** Whether blocks may communicate through atomics on device memory, so that they must run in a fixed order. */
    boolean ordersBlocks;

    /** Returns a kernel that shares everything with this one. */
    Kernel copy() {
        try {
            return (Kernel) clone();
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException(e);
        }
    }
}
