package kept.cuda.nccl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import kept.cuda.bindings.Nccl;
import kept.cuda.bindings.ncclConfig_v23000;
import kept.cuda.bindings.ncclUniqueId;
import kept.cuda.driver.CudaException;
import kept.cuda.library.MissingLibraryException;
import kept.cuda.library.NativeLibrary;
import kept.cuda.library.NativeText;

/** The NCCL of this machine, called through the foreign function and memory API. */
public final class FfmNccl implements NcclCalls {
    /** 2.14, the first version whose communicators need not block. */
    private static final int OLDEST = 21_400;
    /** NCCL_API_MAGIC, which marks an initialised configuration. */
    private static final int MAGIC = 0xcafebeef;
    /** The configuration of {@link #OLDEST}: size, magic, version, blocking; later versions fill in the defaults of what they have added. */
    private static final int CONFIG_BYTES = 24;

    private final int version;

    private FfmNccl() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
            check(Nccl.ncclGetVersion(value), "ncclGetVersion", 0);
            version = value.get(ValueLayout.JAVA_INT, 0);
        }
        if (version < OLDEST) {
            throw new MissingLibraryException("%s is NCCL %s, and %s or later is required; update it, or name another by -D%s=FILE".formatted(
                    NativeLibrary.NCCL.origin(), text(version), text(OLDEST), NativeLibrary.NCCL_PROPERTY));
        }
    }

    /**
     * Loads NCCL.
     *
     * @return NCCL
     * @throws MissingLibraryException if none is found, or it is too old; the message lists the searched places
     */
    public static FfmNccl open() {
        NativeLibrary.loadNccl();
        for (String function : new String[] {"ncclGetVersion", "ncclGetErrorString", "ncclGetLastError", "ncclGetUniqueId",
            "ncclCommInitRankConfig", "ncclCommFinalize", "ncclCommDestroy", "ncclCommAbort", "ncclCommGetAsyncError", "ncclGroupStart",
            "ncclGroupEnd", "ncclReduce", "ncclAllReduce", "ncclReduceScatter", "ncclSend", "ncclRecv"}) {
            if (NativeLibrary.NCCL.find(function).isEmpty()) {
                throw new MissingLibraryException("%s lacks %s, which NCCL %s and later have; update it, or name another by -D%s=FILE".formatted(
                        NativeLibrary.NCCL.origin(), function, text(OLDEST), NativeLibrary.NCCL_PROPERTY));
            }
        }
        return new FfmNccl();
    }

    /**
     * Writes a version as people do.
     *
     * @param version as {@link #version}
     * @return text such as {@code 2.30.7}
     */
    public static String text(int version) {
        // Up to 2.8 a version has four digits: 2708 is 2.7.8.
        int major = version < 10_000 ? version / 1000 : version / 10_000;
        int rest = version < 10_000 ? version % 1000 : version % 10_000;
        return "%d.%d.%d".formatted(major, rest / 100, rest % 100);
    }

    @Override
    public int version() {
        return version;
    }

    @Override
    public byte[] uniqueId() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(ncclUniqueId.layout());
            check(Nccl.ncclGetUniqueId(id), "ncclGetUniqueId", 0);
            return id.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    @Override
    public long join(int ranks, byte[] id, int rank) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment config = arena.allocate(ncclConfig_v23000.layout());
            for (long at = 0; at < config.byteSize(); at += Integer.BYTES) {
                config.set(ValueLayout.JAVA_INT, at, Nccl.NCCL_CONFIG_UNDEF_INT());
            }
            ncclConfig_v23000.size(config, CONFIG_BYTES);
            ncclConfig_v23000.magic(config, MAGIC);
            ncclConfig_v23000.version(config, OLDEST);
            ncclConfig_v23000.blocking(config, 0);
            MemorySegment byValue = arena.allocate(ncclUniqueId.layout());
            byValue.copyFrom(MemorySegment.ofArray(id));
            MemorySegment handle = arena.allocate(ValueLayout.JAVA_LONG);
            check(Nccl.ncclCommInitRankConfig(handle, ranks, byValue, rank, config), "ncclCommInitRankConfig of rank %d of %d".formatted(rank, ranks),
                    0);
            return handle.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    @Override
    public boolean isDone(long communicator) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(ValueLayout.JAVA_INT);
            check(Nccl.ncclCommGetAsyncError(MemorySegment.ofAddress(communicator), state), "ncclCommGetAsyncError", communicator);
            int code = state.get(ValueLayout.JAVA_INT, 0);
            check(code, "the communicator has failed", communicator);
            return code == Nccl.ncclSuccess();
        }
    }

    @Override
    public void groupStart() {
        check(Nccl.ncclGroupStart(), "ncclGroupStart", 0);
    }

    @Override
    public void groupEnd() {
        check(Nccl.ncclGroupEnd(), "ncclGroupEnd", 0);
    }

    @Override
    public void send(long address, long count, ElementType type, int peer, long communicator, long stream) {
        int status = Nccl.ncclSend(MemorySegment.ofAddress(address), count, type.code(), peer, MemorySegment.ofAddress(communicator),
                MemorySegment.ofAddress(stream));
        if (isFailure(status)) {
            throw failure(status, "ncclSend of %d elements (%s) to rank %d".formatted(count, type, peer), communicator);
        }
    }

    @Override
    public void receive(long address, long count, ElementType type, int peer, long communicator, long stream) {
        int status = Nccl.ncclRecv(MemorySegment.ofAddress(address), count, type.code(), peer, MemorySegment.ofAddress(communicator),
                MemorySegment.ofAddress(stream));
        if (isFailure(status)) {
            throw failure(status, "ncclRecv of %d elements (%s) from rank %d".formatted(count, type, peer), communicator);
        }
    }

    @Override
    public void allReduce(long address, long count, ElementType type, long communicator, long stream) {
        MemorySegment terms = MemorySegment.ofAddress(address);
        int status = Nccl.ncclAllReduce(terms, terms, count, type.code(), Nccl.ncclSum(), MemorySegment.ofAddress(communicator),
                MemorySegment.ofAddress(stream));
        if (isFailure(status)) {
            throw failure(status, "ncclAllReduce of %d elements (%s)".formatted(count, type), communicator);
        }
    }

    @Override
    public void reduceScatter(long terms, long sum, long count, ElementType type, long communicator, long stream) {
        int status = Nccl.ncclReduceScatter(MemorySegment.ofAddress(terms), MemorySegment.ofAddress(sum), count, type.code(), Nccl.ncclSum(),
                MemorySegment.ofAddress(communicator), MemorySegment.ofAddress(stream));
        if (isFailure(status)) {
            throw failure(status, "ncclReduceScatter of %d elements (%s) for each rank".formatted(count, type), communicator);
        }
    }

    @Override
    public void reduce(long terms, long sum, long count, ElementType type, int root, long communicator, long stream) {
        int status = Nccl.ncclReduce(MemorySegment.ofAddress(terms), MemorySegment.ofAddress(sum), count, type.code(), Nccl.ncclSum(), root,
                MemorySegment.ofAddress(communicator), MemorySegment.ofAddress(stream));
        if (isFailure(status)) {
            throw failure(status, "ncclReduce of %d elements (%s) to rank %d".formatted(count, type, root), communicator);
        }
    }

    @Override
    public void end(long communicator) {
        check(Nccl.ncclCommFinalize(MemorySegment.ofAddress(communicator)), "ncclCommFinalize", communicator);
    }

    @Override
    public void destroy(long communicator) {
        check(Nccl.ncclCommDestroy(MemorySegment.ofAddress(communicator)), "ncclCommDestroy", 0);
    }

    @Override
    public void abort(long communicator) {
        check(Nccl.ncclCommAbort(MemorySegment.ofAddress(communicator)), "ncclCommAbort", 0);
    }

    private static boolean isFailure(int status) {
        return status != Nccl.ncclSuccess() && status != Nccl.ncclInProgress();
    }

    private static void check(int status, String call, long communicator) {
        if (isFailure(status)) {
            throw failure(status, call, communicator);
        }
    }

    /** The communicator may be 0; NCCL then gives its latest explanation of any. */
    private static CudaException failure(int status, String call, long communicator) {
        String name = Objects.requireNonNullElse(NativeText.at(Nccl.ncclGetErrorString(status)), "no text");
        String last = NativeText.at(Nccl.ncclGetLastError(MemorySegment.ofAddress(communicator)));
        // An explanation of several lines begins with the cause.
        String why = last == null ? "" : last.lines().map(String::strip).filter(line -> !line.isEmpty()).findFirst().map(", "::concat).orElse("");
        return new CudaException(status, "[nccl] %s: %s (%d)%s; NCCL_DEBUG=INFO tells more".formatted(call, name, status, why));
    }
}
