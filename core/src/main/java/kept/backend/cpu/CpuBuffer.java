package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.backend.Buffer;

/** A block of off-heap memory from the {@link MemoryPool}, with the arena that ends it. */
final class CpuBuffer implements Buffer {
    private final Arena arena;
    private final MemorySegment segment;
    /** When it was last given back to the pool, in releases of the pool's. */
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

    /** Gives the memory back to the operating system. */
    void free() {
        arena.close();
    }

    @Override
    public long byteSize() {
        return segment.byteSize();
    }
}
