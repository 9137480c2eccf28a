package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import kept.distributed.EngineSums;
import kept.distributed.RankException;

/** The functions of an MPI library that are used here, with its handles. A code other than success becomes a {@link RankException}. */
final class MpiCalls {
    /** Enough for the request or the status of every library. */
    static final int STATUS_BYTES = 64;
    private static final int LONGEST_TEXT = 8192;
    /** A thread that has a processor for less than this part of the time sleeps. */
    private static final int BUSY = 50;

    private final MpiLibrary library;
    private final MpiAbi.Constants constants;
    private final MethodHandle initThread;
    private final MethodHandle commRank;
    private final MethodHandle commSize;
    private final MethodHandle commSetErrhandler;
    private final MethodHandle commSplitType;
    private final MethodHandle commFree;
    private final MethodHandle isend;
    private final MethodHandle irecv;
    private final MethodHandle test;
    private final MethodHandle iprobe;
    private final MethodHandle recv;
    private final MethodHandle iallreduce;
    private final MethodHandle ireduceScatter;
    private final MethodHandle cancel;
    private final MethodHandle requestFree;
    private final MethodHandle errorString;
    private final MethodHandle libraryVersion;
    private final MethodHandle end;
    private final MethodHandle abort;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment status = arena.allocate(STATUS_BYTES, 8);
    private final MemorySegment number = arena.allocate(ValueLayout.JAVA_LONG);
    private final MemorySegment text = arena.allocate(LONGEST_TEXT);
    /** Memory of handles of requests that are done. */
    private final Deque<MemorySegment> places = new ArrayDeque<>();

    /**
     * Looks up all functions. In a signature {@code p} is a pointer, {@code i} an int and {@code h} a handle.
     *
     * @param library the library
     * @throws RankException if it lacks a function or an object
     */
    MpiCalls(MpiLibrary library) {
        this.library = library;
        constants = library.abi().constants(library.symbols()).orElseThrow(() -> lacks("the objects that its handles are the addresses of"));
        initThread = function("MPI_Init_thread", "ppip");
        commRank = function("MPI_Comm_rank", "hp");
        commSize = function("MPI_Comm_size", "hp");
        commSetErrhandler = function("MPI_Comm_set_errhandler", "hh");
        commSplitType = function("MPI_Comm_split_type", "hiihp");
        commFree = function("MPI_Comm_free", "p");
        isend = function("MPI_Isend", "pihiihp");
        irecv = function("MPI_Irecv", "pihiihp");
        test = function("MPI_Test", "ppp");
        iprobe = function("MPI_Iprobe", "iihpp");
        recv = function("MPI_Recv", "pihiihp");
        iallreduce = function("MPI_Iallreduce", "ppihhhp");
        ireduceScatter = function("MPI_Ireduce_scatter", "ppphhhp");
        cancel = function("MPI_Cancel", "p");
        requestFree = function("MPI_Request_free", "p");
        errorString = function("MPI_Error_string", "ipp");
        libraryVersion = function("MPI_Get_library_version", "pp");
        end = function("MPI_Finalize", "");
        abort = function("MPI_Abort", "hi");
    }

    @SuppressWarnings("restricted")
    private MethodHandle function(String name, String signature) {
        MemorySegment address = library.symbols().find(name).orElseThrow(() -> lacks(name));
        MemoryLayout[] layouts = new MemoryLayout[signature.length()];
        Class<?>[] types = new Class<?>[signature.length()];
        for (int i = 0; i < layouts.length; i++) {
            char kind = signature.charAt(i);
            layouts[i] = kind == 'p' ? ValueLayout.ADDRESS : kind == 'i' ? ValueLayout.JAVA_INT : library.abi().handle();
            types[i] = kind == 'p' ? MemorySegment.class : kind == 'i' ? int.class : long.class;
        }
        MethodHandle call = Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts));
        return MethodHandles.explicitCastArguments(call, MethodType.methodType(int.class, types));
    }

    private RankException lacks(String what) {
        return new RankException("[ranks] the MPI library %s lacks %s; name another by -D%s=FILE".formatted(library.file(), what,
                MpiLibrary.PROPERTY));
    }

    /** The library's file and the version that it reports. */
    String name() {
        check("MPI_Get_library_version", () -> (int) libraryVersion.invokeExact(text, number));
        String version = string().lines().findFirst().orElse("").strip();
        return "%s (%s)".formatted(library.file(), version.length() > 60 ? version.substring(0, 60) : version);
    }

    /** Starts the engine; calls may then come from any thread, one at a time. */
    void start() {
        check("MPI_Init_thread",
                () -> (int) initThread.invokeExact(MemorySegment.NULL, MemorySegment.NULL, constants.serialized(), number));
        int provided = number.get(ValueLayout.JAVA_INT, 0);
        if (provided < constants.serialized()) {
            throw new RankException("[ranks] the MPI library %s allows calls from one thread only (level %d, not %d); use one built with threads"
                    .formatted(library.file(), provided, constants.serialized()));
        }
        check("MPI_Comm_set_errhandler", () -> (int) commSetErrhandler.invokeExact(constants.commWorld(), constants.errorsReturn()));
    }

    /** The rank and the size of all processes. */
    int[] world() {
        return rankAndSize(constants.commWorld());
    }

    /** The rank and the size of the processes on this machine. */
    int[] machine() {
        MemorySegment place = arena.allocate(ValueLayout.JAVA_LONG);
        check("MPI_Comm_split_type",
                () -> (int) commSplitType.invokeExact(constants.commWorld(), constants.sharedMemory(), 0, constants.noInfo(), place));
        int[] found = rankAndSize(library.abi().read(place));
        check("MPI_Comm_free", () -> (int) commFree.invokeExact(place));
        return found;
    }

    private int[] rankAndSize(long communicator) {
        check("MPI_Comm_rank", () -> (int) commRank.invokeExact(communicator, number));
        int rank = number.get(ValueLayout.JAVA_INT, 0);
        check("MPI_Comm_size", () -> (int) commSize.invokeExact(communicator, number));
        return new int[] {rank, number.get(ValueLayout.JAVA_INT, 0)};
    }

    /** A message or sum under way; its memory stays until it is done. */
    final class Request {
        private final MemorySegment handle = places.isEmpty() ? arena.allocate(ValueLayout.JAVA_LONG) : places.pop();
        private boolean done;

        /** Whether the message has been sent or received, or the sum is there; moves messages on. */
        boolean isDone() {
            if (!done) {
                check("MPI_Test", () -> (int) test.invokeExact(handle, number, status));
                if (number.get(ValueLayout.JAVA_INT, 0) != 0) {
                    end();
                }
            }
            return done;
        }

        /** Gives up a message that nobody will send; sums cannot be given up. */
        void cancel() {
            if (!done) {
                check("MPI_Cancel", () -> (int) cancel.invokeExact(handle));
                check("MPI_Request_free", () -> (int) requestFree.invokeExact(handle));
                end();
            }
        }

        private void end() {
            done = true;
            places.push(handle);
        }
    }

    /** Begins to send bytes. */
    Request send(MemorySegment bytes, int to, int tag) {
        var request = new Request();
        check("MPI_Isend", () -> (int) isend.invokeExact(bytes, Math.toIntExact(bytes.byteSize()), constants.bytes(), to, tag,
                constants.commWorld(), request.handle));
        return request;
    }

    /** Begins to receive bytes. */
    Request receive(MemorySegment bytes, int from, int tag) {
        var request = new Request();
        check("MPI_Irecv", () -> (int) irecv.invokeExact(bytes, Math.toIntExact(bytes.byteSize()), constants.bytes(), from, tag,
                constants.commWorld(), request.handle));
        return request;
    }

    /**
     * Begins to add the terms of all ranks, in whose place each rank gets the sum.
     *
     * @param terms this rank's
     * @param type F32 or F64
     */
    Request allReduce(MemorySegment terms, EngineSums.Type type) {
        var request = new Request();
        check("MPI_Iallreduce", () -> (int) iallreduce.invokeExact(inPlace(), terms, Math.toIntExact(terms.byteSize() / type.bytes()), handle(type),
                constants.sums().sum(), constants.commWorld(), request.handle));
        return request;
    }

    /**
     * Begins to add the terms of all ranks, of which each rank gets its part, at the beginning of its terms.
     *
     * @param terms this rank's
     * @param counts the number of elements of each rank's part, as C ints; unchanged until the sum is there
     * @param type F32 or F64
     */
    Request reduceScatter(MemorySegment terms, MemorySegment counts, EngineSums.Type type) {
        var request = new Request();
        check("MPI_Ireduce_scatter", () -> (int) ireduceScatter.invokeExact(inPlace(), terms, counts, handle(type), constants.sums().sum(),
                constants.commWorld(), request.handle));
        return request;
    }

    private MemorySegment inPlace() {
        return MemorySegment.ofAddress(constants.sums().inPlace());
    }

    private long handle(EngineSums.Type type) {
        return type == EngineSums.Type.F64 ? constants.sums().doubles() : constants.sums().floats();
    }

    /** Whether a message with a tag has come from a rank. */
    boolean hasCome(int from, int tag) {
        check("MPI_Iprobe", () -> (int) iprobe.invokeExact(from, tag, constants.commWorld(), number, status));
        return number.get(ValueLayout.JAVA_INT, 0) != 0;
    }

    /** Whether a message with a tag has come from any rank. */
    boolean hasCome(int tag) {
        return hasCome(constants.anySource(), tag);
    }

    /** Takes a message that has come from a rank. */
    void take(MemorySegment bytes, int from, int tag) {
        check("MPI_Recv", () -> (int) recv.invokeExact(bytes, Math.toIntExact(bytes.byteSize()), constants.bytes(), from, tag,
                constants.commWorld(), status));
    }

    /** Takes a message that has come from any rank. */
    void take(MemorySegment bytes, int tag) {
        take(bytes, constants.anySource(), tag);
    }

    /**
     * Ends the engine, together with all other ranks. MPICH 4.0 over TCP may wait there for ever: a rank that is done with its own messages waits for
     * all others in its launcher's barrier, and does not answer their messages any more (github.com/pmodels/mpich/pull/6596 removed the barrier in
     * 2023). If such a rank is the first to leave, the closed connection ends the wait of the other, which then comes to the barrier of a launcher
     * that has lost a rank and so fails. Therefore a rank that sleeps leaves later than one that still looks for messages.
     *
     * @param limitNanos how long to wait, and a third of it longer where this rank sleeps
     * @return whether it has ended; if not, its memory must stay
     */
    boolean end(long limitNanos) {
        var ending = new FutureTask<Void>(() -> check("MPI_Finalize", () -> (int) end.invokeExact()), null);
        Thread thread = Thread.ofPlatform().name("kept-engine-end").daemon().start(ending);
        boolean ended = isDone(ending, limitNanos / 2);
        if (!ended) {
            long before = processorNanos(thread);
            ended = isDone(ending, limitNanos / 2);
            boolean sleeps = processorNanos(thread) - before < limitNanos / 2 / BUSY;
            ended = ended || sleeps && isDone(ending, limitNanos / 3);
        }
        if (ended) {
            arena.close();
        }
        return ended;
    }

    private static long processorNanos(Thread thread) {
        return ManagementFactory.getThreadMXBean().getThreadCpuTime(thread.threadId());
    }

    private static boolean isDone(FutureTask<Void> ending, long nanos) {
        try {
            ending.get(nanos, TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RankException failure) {
                throw failure;
            }
            throw new AssertionError(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Ends all ranks at once. */
    void abort() {
        check("MPI_Abort", () -> (int) abort.invokeExact(constants.commWorld(), 1));
    }

    private interface Call {
        int run() throws Throwable;
    }

    private void check(String function, Call call) {
        int code = invoke(call);
        if (code != 0) {
            int textCode = invoke(() -> (int) errorString.invokeExact(code, text, number));
            throw new RankException("[ranks] %s of %s failed: %s".formatted(function, library.file(),
                    textCode == 0 ? string().lines().findFirst().orElse("").strip() : "code " + code));
        }
    }

    private static int invoke(Call call) {
        try {
            return call.run();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The text that a function has written, of the length it has reported. */
    private String string() {
        int length = Math.clamp(number.get(ValueLayout.JAVA_INT, 0), 0, LONGEST_TEXT);
        return new String(text.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
