package kept.backend;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A block of device memory, allocated and released by its {@link Backend}, which alone knows its implementation. */
public interface Buffer {
    /**
     * The usable size.
     *
     * @return bytes
     */
    long byteSize();

    /**
     * The memory itself, if the machine's own instructions and libraries may read and write it.
     *
     * @return all usable bytes; empty by default, for memory that only {@link Backend#upload} and {@link Backend#download} reach
     */
    default Optional<MemorySegment> hostMemory() {
        return Optional.empty();
    }
}
