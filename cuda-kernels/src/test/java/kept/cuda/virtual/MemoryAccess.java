package kept.cuda.virtual;

/** An instruction that reads or writes memory at an address per lane. */
abstract class MemoryAccess extends Instruction {
    /** Generic addresses of shared, local and parameter memory begin here; those of device memory are far above. */
    static final long SHARED_WINDOW = 0x7d00_0000_0000L;
    static final long LOCAL_WINDOW = 0x7c00_0000_0000L;
    static final long PARAMETER_WINDOW = 0x7b00_0000_0000L;
    private static final int WINDOW_SHIFT = 40;

    /** State space of an address; constant memory is part of device memory here. */
    enum Space { GENERIC, DEVICE, SHARED, LOCAL, PARAMETER }

    Space space;

    /** Whether the access names constant memory. */
    boolean isConstant;

    /** Slot of the address in the 32-bit or the 64-bit file; both negative for an absolute address. */
    int wordBase = -1;
    int longBase = -1;
    long offset;

    /** Size of the access in bytes; a vector is one access. */
    int bytes;

    /** The page of the last access, as a cache. Concurrent blocks may overwrite it, which only costs a look-up. */
    private Page last;

    long address(Warp warp, int lane) {
        if (longBase >= 0) {
            return warp.longs[longBase][lane] + offset;
        }
        return wordBase >= 0 ? (warp.words[wordBase][lane] & 0xffffffffL) + offset : offset;
    }

    /** Counts what the lanes of a warp access. */
    void count(Warp warp, int mask, Counts counts) {
        countAddresses(warp, mask, counts, false);
    }

    /** Counts an access of each lane to its own address. */
    final void countAddresses(Warp warp, int mask, Counts counts, boolean writes) {
        long[] addresses = new long[Warp.LANES];
        int[] sizes = new int[Warp.LANES];
        int lanes = 0;
        for (int m = mask; m != 0; m &= m - 1) {
            addresses[lanes] = address(warp, Integer.numberOfTrailingZeros(m));
            sizes[lanes++] = bytes;
        }
        // Constants have a cache of their own.
        switch (isConstant ? Space.PARAMETER : kind(addresses[0])) {
            case SHARED -> counts.shared(addresses, lanes, bytes);
            case DEVICE -> counts.device(warp, addresses, sizes, lanes, writes);
            default -> { }
        }
    }

    /** Checks and resolves a lane's read; {@link Warp#bytes} and {@link Warp#at} then hold its location. */
    void resolveRead(Warp warp, int lane) {
        long address = address(warp, lane);
        switch (kind(address)) {
            case SHARED -> {
                shared(warp, lane, address, "reads");
                warp.block.shared().read(warp, lane, warp.at, bytes);
            }
            case LOCAL -> local(warp, lane, address, "reads");
            case PARAMETER -> parameter(warp, lane, address);
            default -> deviceRead(warp, lane, address, bytes);
        }
    }

    /** Checks and resolves a lane's write, and marks the bytes as written. */
    void resolveWrite(Warp warp, int lane) {
        long address = address(warp, lane);
        switch (kind(address)) {
            case SHARED -> {
                shared(warp, lane, address, "writes");
                warp.block.shared().write(warp, lane, warp.at, bytes);
            }
            case LOCAL -> local(warp, lane, address, "writes");
            case PARAMETER -> throw warp.fault(lane, "writes to its parameters");
            default -> {
                Page page = device(warp, lane, address, bytes, "writes");
                if (warp.block.launch().watch() != null) {
                    warp.block.launch().watch().write(warp, lane, page, warp.at, bytes);
                }
                page.markWritten(warp.at, bytes);
            }
        }
    }

    /** Checks and resolves a lane's atomic access; returns the object to lock for its duration. */
    Object resolveAtomic(Warp warp, int lane) {
        long address = address(warp, lane);
        if (kind(address) == Space.SHARED) {
            shared(warp, lane, address, "atomically changes");
            warp.block.shared().atomic(warp, lane, warp.at, bytes);
            return warp;
        }
        if (kind(address) != Space.DEVICE) {
            throw warp.fault(lane, "an atomic operation at 0x%x, neither device nor shared memory".formatted(address));
        }
        Page page = device(warp, lane, address, bytes, "atomically changes");
        requireWritten(warp, lane, page, bytes);
        if (warp.block.launch().watch() != null) {
            warp.block.launch().watch().atomic(warp, lane, page, warp.at, bytes);
        }
        warp.block.communicates();
        return page;
    }

    /** Checks and resolves a lane's read of device memory. */
    final void deviceRead(Warp warp, int lane, long address, int count) {
        Page page = device(warp, lane, address, count, "reads");
        requireWritten(warp, lane, page, count);
        if (warp.block.launch().watch() != null) {
            warp.block.launch().watch().read(warp, lane, page, warp.at, count);
        }
    }

    private Space kind(long address) {
        if (space != Space.GENERIC) {
            return space;
        }
        return switch ((int) (address >>> WINDOW_SHIFT)) {
            case (int) (SHARED_WINDOW >>> WINDOW_SHIFT) -> Space.SHARED;
            case (int) (LOCAL_WINDOW >>> WINDOW_SHIFT) -> Space.LOCAL;
            case (int) (PARAMETER_WINDOW >>> WINDOW_SHIFT) -> Space.PARAMETER;
            default -> Space.DEVICE;
        };
    }

    /** Converts a shared or generic address to an offset in shared memory. */
    final void shared(Warp warp, int lane, long address, String what) {
        SharedMemory shared = warp.block.shared();
        warp.at = shared.place(warp, lane, space == Space.GENERIC ? address - SHARED_WINDOW : address, bytes, what);
        warp.bytes = shared.data();
    }

    private void local(Warp warp, int lane, long address, String what) {
        long at = space == Space.GENERIC ? address - LOCAL_WINDOW : address;
        if (at < 0 || at + bytes > warp.kernel.localBytes || (at & (bytes - 1)) != 0) {
            throw warp.fault(lane, "%s %d bytes of local memory at offset %,d; a thread has %,d".formatted(what, bytes, at, warp.kernel.localBytes));
        }
        warp.bytes = warp.local(lane);
        warp.at = (int) at;
    }

    private void parameter(Warp warp, int lane, long address) {
        long at = space == Space.GENERIC ? address - PARAMETER_WINDOW : address;
        byte[] parameters = warp.block.launch().parameters();
        if (at < 0 || at + bytes > parameters.length) {
            throw warp.fault(lane, "reads %d bytes of its parameters at offset %,d; they have %,d".formatted(bytes, at, parameters.length));
        }
        warp.bytes = parameters;
        warp.at = (int) at;
    }

    private Page device(Warp warp, int lane, long address, int count, String what) {
        Page page = last;
        long at = page == null ? -1 : address - page.base;
        if (at < 0 || at > page.size - count) {
            page = find(warp, lane, address, count, what);
            last = page;
            at = address - page.base;
        }
        if ((address & (bytes - 1)) != 0) {
            throw misaligned(warp, lane, address, page, what);
        }
        warp.bytes = page.data;
        warp.at = (int) at;
        return page;
    }

    private Page find(Warp warp, int lane, long address, int count, String what) {
        Page before = last;
        boolean same = before != null && before.allocation.contains(address, count);
        Allocation allocation = same ? before.allocation : warp.block.launch().memory().find(address, count);
        if (allocation == null) {
            throw warp.fault(lane, "%s %d bytes at 0x%x, %s".formatted(what, count, address, warp.block.launch().memory().describe(address)));
        }
        Page page = allocation.page(address - allocation.base);
        if (address - page.base > page.size - count) {
            throw misaligned(warp, lane, address, page, what);
        }
        return page;
    }

    private KernelFault misaligned(Warp warp, int lane, long address, Page page, String what) {
        return warp.fault(lane, "%s %d bytes at 0x%x, which is no multiple of %d (byte %,d of %s)"
                .formatted(what, bytes, address, bytes, address - page.allocation.base, page.allocation));
    }

    private static void requireWritten(Warp warp, int lane, Page page, int count) {
        if (count > 0 && !page.isWritten(warp.at, count)) {
            throw warp.fault(lane, "reads %d bytes at 0x%x, of which byte %,d of %s was never written".formatted(count, page.base + warp.at,
                    page.offset + page.firstUnwritten(warp.at, count), page.allocation));
        }
    }
}
