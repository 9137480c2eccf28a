package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;

/**
 * Allocates large blocks from the operating system, in pages of 2 MiB if available.
 *
 * <p>With pages of 4 KiB a kernel that streams through gigabytes waits for a translation of addresses every 64 cache lines, and the processor's
 * prefetcher stops at each page's end. On Linux an anonymous mapping with the advice {@code MADV_HUGEPAGE} gets large pages when it is first touched,
 * if the system allows it ({@code /sys/kernel/mm/transparent_hugepage/enabled} is {@code madvise}, as usual, or {@code always}), for those of its
 * pages that lie in it as a whole; so blocks begin at a boundary of large pages, else one of 2 MiB would have none. The arena's own allocation cannot
 * be advised in time, because it writes zeros at once. On other systems, and without native access, blocks come from the arena.
 */
final class SystemMemory {
    /** The size of a large page on x86-64, and on AArch64 with pages of 4 KiB. */
    static final long LARGE_PAGE = 2 << 20;

    /** A multiple of the size of pages on every system: 64 KiB is the largest that Linux has on machines with a JDK. */
    private static final long PAGE = 1 << 16;

    /** {@code PROT_READ | PROT_WRITE}; this and the following are the same on every Linux that has a JDK 25. */
    private static final int READ_AND_WRITE = 1 | 2;

    /** {@code PROT_READ | PROT_EXEC}. */
    private static final int READ_AND_EXECUTE = 1 | 4;

    /** {@code MAP_PRIVATE | MAP_ANONYMOUS}. */
    private static final int PRIVATE_AND_ANONYMOUS = 0x02 | 0x20;

    private static final int MADV_HUGEPAGE = 14;
    private static final long MAP_FAILED = -1;

    /** The system calls, or null if blocks come from the arena. */
    private static final Calls CALLS = Calls.find();

    private SystemMemory() {}

    /**
     * Allocates memory that is freed when the arena is closed.
     *
     * @param arena its lifetime
     * @param bytes the number of bytes
     * @param alignment a power of two, at most 4096
     * @return zeros
     * @throws OutOfMemoryError if the system has no more
     */
    static MemorySegment allocate(Arena arena, long bytes, long alignment) {
        return CALLS == null || bytes < LARGE_PAGE ? arena.allocate(bytes, alignment) : CALLS.map(arena, bytes);
    }

    /**
     * Makes machine code executable for as long as the process runs. Its pages are writable first and executable afterwards, never both.
     *
     * @param code functions for this processor, independent of their position
     * @return the code; empty if the system forbids such pages, or native access is not allowed
     */
    static Optional<MemorySegment> executable(byte[] code) {
        return CALLS == null ? Optional.empty() : CALLS.executable(code);
    }

    /** Four functions of the C library. */
    private record Calls(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise, MethodHandle mprotect) {
        @SuppressWarnings("restricted")
        static Calls find() {
            if (!NativeView.ENABLED || !System.getProperty("os.name").toLowerCase(Locale.ROOT).equals("linux")) {
                return null;
            }
            Linker linker = Linker.nativeLinker();
            SymbolLookup library = linker.defaultLookup();
            Optional<MemorySegment> mmap = library.find("mmap");
            Optional<MemorySegment> munmap = library.find("munmap");
            Optional<MemorySegment> madvise = library.find("madvise");
            Optional<MemorySegment> mprotect = library.find("mprotect");
            if (mmap.isEmpty() || munmap.isEmpty() || madvise.isEmpty() || mprotect.isEmpty()) {
                return null;
            }
            ValueLayout size = ValueLayout.JAVA_LONG;
            ValueLayout flags = ValueLayout.JAVA_INT;
            return new Calls(linker.downcallHandle(mmap.get(), FunctionDescriptor.of(size, size, size, flags, flags, flags, size)),
                    linker.downcallHandle(munmap.get(), FunctionDescriptor.of(flags, size, size)),
                    linker.downcallHandle(madvise.get(), FunctionDescriptor.of(flags, size, size, flags)),
                    linker.downcallHandle(mprotect.get(), FunctionDescriptor.of(flags, size, size, flags)));
        }

        @SuppressWarnings("restricted")
        Optional<MemorySegment> executable(byte[] code) {
            try {
                long address = (long) mmap.invokeExact(0L, (long) code.length, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0L);
                if (address == MAP_FAILED) {
                    return Optional.empty();
                }
                MemorySegment pages = MemorySegment.ofAddress(address).reinterpret(code.length);
                MemorySegment.copy(code, 0, pages, ValueLayout.JAVA_BYTE, 0, code.length);
                if ((int) mprotect.invokeExact(address, (long) code.length, READ_AND_EXECUTE) == 0) {
                    return Optional.of(pages);
                }
                unmap(address, code.length);
                return Optional.empty();
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }

        /** Maps a large page more than needed, and gives back what is before the first boundary of large pages and after the block. */
        @SuppressWarnings("restricted")
        MemorySegment map(Arena arena, long bytes) {
            long size = Math.ceilDiv(bytes, PAGE) * PAGE;
            long mapped;
            try {
                mapped = (long) mmap.invokeExact(0L, size + LARGE_PAGE, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0L);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
            if (mapped == MAP_FAILED) {
                throw new OutOfMemoryError("the system has no room for %d bytes".formatted(bytes));
            }
            long before = -mapped & LARGE_PAGE - 1;
            long address = mapped + before;
            unmap(mapped, before);
            unmap(address + size, LARGE_PAGE - before);
            advise(address, size);
            return MemorySegment.ofAddress(address).reinterpret(bytes, arena, _ -> unmap(address, size));
        }

        /** Only advice: without it pages are small. */
        private void advise(long address, long bytes) {
            try {
                int _ = (int) madvise.invokeExact(address, bytes, MADV_HUGEPAGE);
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }

        private void unmap(long address, long bytes) {
            if (bytes == 0) {
                return;
            }
            try {
                int _ = (int) munmap.invokeExact(address, bytes);
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }
    }
}
