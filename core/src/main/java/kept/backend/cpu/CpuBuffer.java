package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import kept.backend.Buffer;

/** A block of off-heap memory from the {@link MemoryPool}, with the arena that frees it. */
final class CpuBuffer implements Buffer {
    private final Arena arena;
    private final MemorySegment segment;
    /** The time of its last release, counted in releases of the pool. */
    long released;

    CpuBuffer(Arena arena, MemorySegment segment) {
        this.arena = arena;
        this.segment = segment;
    }

    /**
     * The memory.
     *
     * @return the block, aligned to {@link MemoryPool#ALIGNMENT} bytes
     */
    MemorySegment segment() {
        return segment;
    }

    /** Returns the memory to the operating system. */
    void free() {
        arena.close();
    }

    @Override
    public long byteSize() {
        return segment.byteSize();
    }

    @Override
    public Optional<MemorySegment> hostMemory() {
        return Optional.of(segment);
    }
}
