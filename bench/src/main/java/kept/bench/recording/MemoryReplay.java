package kept.bench.recording;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import kept.bench.recording.Recording.Allocation;
import kept.bench.recording.Recording.Event;
import kept.bench.recording.Recording.Free;

/**
 * The memory that recorded allocations need, at their peak: the sum of the live blocks, and what the backend's allocator needs for them. It never
 * moves a block, takes the smallest hole that a block fits into, the lowest of equal ones, and joins adjacent holes; otherwise it grows at its end.
 *
 * @param liveBytes peak of the sum of all live blocks
 * @param extentBytes peak extent of the allocator
 * @param chunkBytes peak of the chunks of 32 MiB that blocks use at least in part: what suffices, because memory of other chunks moves
 */
public record MemoryReplay(long liveBytes, long extentBytes, long chunkBytes) {
    private static final long ALIGNMENT = 256;
    private static final long CHUNK = 32L << 20;

    /**
     * Replays allocations and frees.
     *
     * @param events events from the first allocation on; other events are ignored
     * @return peaks in bytes
     */
    public static MemoryReplay of(List<Event> events) {
        var allocator = new Allocator();
        for (Event event : events) {
            switch (event) {
                case Allocation allocation -> allocator.allocate(allocation.address(), Math.ceilDiv(allocation.bytes(), ALIGNMENT) * ALIGNMENT);
                case Free free -> allocator.free(free.address());
                default -> { }
            }
        }
        return new MemoryReplay(allocator.peakLive, allocator.peakEnd, allocator.peakChunks * CHUNK);
    }

    private record Block(long at, long bytes) {}

    private static final class Allocator {
        private final Map<Long, Block> blocks = new HashMap<>();
        /** Sizes of the holes by their address; the memory above the last block is not a hole. */
        private final TreeMap<Long, Long> holes = new TreeMap<>();
        private long end;
        private long live;
        private long peakLive;
        private long peakEnd;
        /** Number of blocks in each chunk that has any. */
        private final Map<Long, Integer> chunks = new HashMap<>();
        private long peakChunks;

        void allocate(long name, long bytes) {
            long at = place(bytes);
            blocks.put(name, new Block(at, bytes));
            live += bytes;
            peakLive = Math.max(peakLive, live);
            peakEnd = Math.max(peakEnd, end);
            count(blocks.get(name), 1);
            peakChunks = Math.max(peakChunks, chunks.size());
        }

        private void count(Block block, int more) {
            for (long chunk = block.at / CHUNK; chunk <= (block.at + block.bytes - 1) / CHUNK; chunk++) {
                chunks.merge(chunk, more, (before, change) -> before + change == 0 ? null : before + change);
            }
        }

        private long place(long bytes) {
            Map.Entry<Long, Long> best = null;
            for (Map.Entry<Long, Long> hole : holes.entrySet()) {
                if (hole.getValue() >= bytes && (best == null || hole.getValue() < best.getValue())) {
                    best = hole;
                }
            }
            if (best == null) {
                end += bytes;
                return end - bytes;
            }
            long at = best.getKey();
            long rest = best.getValue() - bytes;
            holes.remove(at);
            if (rest > 0) {
                holes.put(at + bytes, rest);
            }
            return at;
        }

        void free(long name) {
            Block block = blocks.remove(name);
            count(block, -1);
            live -= block.bytes;
            long at = block.at;
            long bytes = block.bytes;
            Map.Entry<Long, Long> below = holes.lowerEntry(at);
            if (below != null && below.getKey() + below.getValue() == at) {
                at = below.getKey();
                bytes += holes.remove(at);
            }
            Long above = holes.remove(block.at + block.bytes);
            bytes += above == null ? 0 : above;
            if (at + bytes == end) {
                end = at;
            } else {
                holes.put(at, bytes);
            }
        }
    }
}
