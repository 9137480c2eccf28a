package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;

/**
 * The functions of an MPI library as one rank sees them, with the handles of one of the three interfaces: native code that calls back into Java. The
 * ranks are threads that share a {@link World}. A call with a wrong handle fails.
 */
final class FakeMpi implements SymbolLookup {
    private static final Map<String, String> SIGNATURES = Map.ofEntries(Map.entry("MPI_Init_thread", "ppip"), Map.entry("MPI_Comm_rank", "hp"),
            Map.entry("MPI_Comm_size", "hp"), Map.entry("MPI_Comm_set_errhandler", "hh"), Map.entry("MPI_Comm_split_type", "hiihp"),
            Map.entry("MPI_Comm_free", "p"), Map.entry("MPI_Isend", "pihiihp"), Map.entry("MPI_Irecv", "pihiihp"), Map.entry("MPI_Test", "ppp"),
            Map.entry("MPI_Iprobe", "iihpp"), Map.entry("MPI_Recv", "pihiihp"), Map.entry("MPI_Cancel", "p"), Map.entry("MPI_Request_free", "p"),
            Map.entry("MPI_Error_string", "ipp"), Map.entry("MPI_Get_library_version", "pp"), Map.entry("MPI_Finalize", ""),
            Map.entry("MPI_Iallreduce", "ppihhhp"), Map.entry("MPI_Ireduce_scatter", "ppphhhp"), Map.entry("MPI_Abort", "hi"));
    private static final List<String> OBJECTS = List.of("ompi_mpi_comm_world", "ompi_mpi_byte", "ompi_mpi_errors_return", "ompi_mpi_info_null",
            "ompi_mpi_float", "ompi_mpi_double", "ompi_mpi_op_sum");
    private static final int MACHINE = 77;
    private static final int WRONG = 5;

    /** Messages between all ranks. */
    static final class World {
        private final List<Message> messages = new ArrayList<>();

        private record Message(int from, int to, int tag, byte[] bytes) {}

        private synchronized void send(Message message) {
            messages.add(message);
        }

        private synchronized Optional<Message> first(int from, int anySource, int to, int tag, boolean take) {
            for (Iterator<Message> all = messages.iterator(); all.hasNext();) {
                Message message = all.next();
                if (message.to == to && message.tag == tag && (from == anySource || message.from == from)) {
                    if (take) {
                        all.remove();
                    }
                    return Optional.of(message);
                }
            }
            return Optional.empty();
        }

        private final List<FakeSum> sums = new ArrayList<>();

        /** The sum of a number, in which each rank takes part once. */
        private synchronized FakeSum sum(int number, int ranks) {
            while (sums.size() <= number) {
                sums.add(new FakeSum(ranks));
            }
            return sums.get(number);
        }

        synchronized int unread() {
            return messages.size();
        }
    }

    /** What a request awaits. */
    interface Awaited {
        boolean isDone();
    }

    private record Receipt(MemorySegment bytes, int from, int tag) {}

    private final World world;
    private final MpiAbi abi;
    private final int rank;
    private final int size;
    private final Map<String, Optional<MemorySegment>> symbols = new HashMap<>();
    private final Map<Long, Awaited> requests = new HashMap<>();
    private MpiAbi.Constants constants;
    private long nextRequest = 1000;
    private int threadLevel;
    private int sums;

    /** What a test sees. */
    final Set<String> hidden = new HashSet<>();
    /** If set, sums are never there, and each look for one runs this. */
    Runnable insteadOfSums;
    final List<String> called = new CopyOnWriteArrayList<>();
    /** If it is set, the engine does not end before. */
    volatile CountDownLatch end;
    /** Whether it looks for messages until then, instead of sleeping. */
    volatile boolean looksUntilTheEnd;

    FakeMpi(World world, MpiAbi abi, int rank, int size) {
        this.world = world;
        this.abi = abi;
        this.rank = rank;
        this.size = size;
        threadLevel = abi == MpiAbi.STANDARD ? 4096 : 3;
        constants = abi.constants(this).orElseThrow();
    }

    FakeMpi threadLevel(int level) {
        threadLevel = level;
        return this;
    }

    @Override
    public Optional<MemorySegment> find(String name) {
        if (hidden.contains(name)) {
            return Optional.empty();
        }
        if (OBJECTS.contains(name)) {
            return abi == MpiAbi.OPEN_MPI ? symbols.computeIfAbsent(name, _ -> Optional.of(Arena.global().allocate(256))) : Optional.empty();
        }
        String signature = SIGNATURES.get(name);
        return signature == null ? Optional.empty() : symbols.computeIfAbsent(name, _ -> Optional.of(make(name, signature)));
    }

    @SuppressWarnings("restricted")
    private MemorySegment make(String name, String signature) {
        MemoryLayout[] layouts = signature.chars().mapToObj(kind -> kind == 'p' ? ValueLayout.ADDRESS : kind == 'i' ? ValueLayout.JAVA_INT
                : abi.handle()).toArray(MemoryLayout[]::new);
        FunctionDescriptor descriptor = FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts);
        try {
            MethodHandle target = MethodHandles.lookup().findVirtual(FakeMpi.class, "call",
                    MethodType.methodType(int.class, String.class, Object[].class));
            target = target.bindTo(this).bindTo(name).asCollector(Object[].class, layouts.length).asType(descriptor.toMethodType());
            return Linker.nativeLinker().upcallStub(target, descriptor, Arena.global());
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private int call(String function, Object... a) {
        called.add(function);
        return switch (function) {
            case "MPI_Init_thread" -> put(a[3], Math.min(threadLevel, (int) a[2]));
            case "MPI_Comm_rank" -> put(a[1], handle(a[0]) == MACHINE ? rank : ifWorld(a[0], rank));
            case "MPI_Comm_size" -> put(a[1], handle(a[0]) == MACHINE ? size : ifWorld(a[0], size));
            case "MPI_Comm_set_errhandler" -> handle(a[0]) == constants.commWorld() && handle(a[1]) == constants.errorsReturn() ? 0 : WRONG;
            case "MPI_Comm_split_type" -> handle(a[0]) == constants.commWorld() && (int) a[1] == constants.sharedMemory()
                    && handle(a[3]) == constants.noInfo() ? putHandle(a[4], MACHINE) : WRONG;
            case "MPI_Comm_free", "MPI_Abort" -> 0;
            case "MPI_Finalize" -> requests.values().stream().anyMatch(FakeSum.Part.class::isInstance) ? WRONG : end();
            case "MPI_Isend" -> isRight(a[2], a[5]) ? send(a) : WRONG;
            case "MPI_Irecv" -> isRight(a[2], a[5]) ? begin(a[6], receiving(receipt(a))) : WRONG;
            case "MPI_Recv" -> isRight(a[2], a[5]) && receive(receipt(a)) ? 0 : WRONG;
            case "MPI_Iallreduce" -> isSum(a[0], a[3], a[4], a[5]) ? begin(a[6], part(a[1], handle(a[3]), (int) a[2])) : WRONG;
            case "MPI_Ireduce_scatter" -> isSum(a[0], a[3], a[4], a[5])
                    ? begin(a[6], part(a[1], handle(a[3]), memory(a[2], 4L * size).toArray(ValueLayout.JAVA_INT))) : WRONG;
            case "MPI_Test" -> test(a);
            case "MPI_Iprobe" -> handle(a[2]) != constants.commWorld() ? WRONG
                    : put(a[3], world.first((int) a[0], constants.anySource(), rank, (int) a[1], false).isPresent() ? 1 : 0);
            case "MPI_Cancel", "MPI_Request_free" -> requests.containsKey(request(a[0]))
                    && !(requests.get(request(a[0])) instanceof FakeSum.Part) ? 0 : WRONG;
            case "MPI_Error_string" -> text(a[1], a[2], "code %d of the fake\nand more".formatted((int) a[0]));
            case "MPI_Get_library_version" -> text(a[0], a[1], "Fake MPI 1.0");
            default -> throw new AssertionError(function);
        };
    }

    private int end() {
        try {
            while (looksUntilTheEnd && end.getCount() > 0) {
                Thread.onSpinWait();
            }
            if (end != null) {
                end.await();
            }
            return 0;
        } catch (InterruptedException e) {
            return WRONG;
        }
    }

    private boolean isRight(Object type, Object communicator) {
        return handle(type) == constants.bytes() && handle(communicator) == constants.commWorld();
    }

    private boolean isSum(Object sent, Object type, Object operation, Object communicator) {
        return ((MemorySegment) sent).address() == constants.sums().inPlace() && handle(operation) == constants.sums().sum()
                && (handle(type) == constants.sums().floats() || handle(type) == constants.sums().doubles())
                && handle(communicator) == constants.commWorld();
    }

    /** This rank's part in the next sum: of one count in all, or one for each rank. */
    private FakeSum.Part part(Object terms, long type, int... counts) {
        boolean isDouble = type == constants.sums().doubles();
        long bytes = IntStream.of(counts).asLongStream().sum() * (isDouble ? Double.BYTES : Float.BYTES);
        return world.sum(sums++, size).join(rank, memory(terms, bytes), isDouble, counts);
    }

    private int ifWorld(Object communicator, int value) {
        return handle(communicator) == constants.commWorld() ? value : -1;
    }

    private static long handle(Object value) {
        return value instanceof Integer number ? number : (long) value;
    }

    private int send(Object... a) {
        world.send(new World.Message(rank, (int) a[3], (int) a[4], memory(a[0], (int) a[1]).toArray(ValueLayout.JAVA_BYTE)));
        return begin(a[6], () -> true);
    }

    private Awaited receiving(Receipt receipt) {
        return () -> receive(receipt);
    }

    private static Receipt receipt(Object... a) {
        return new Receipt(memory(a[0], (int) a[1]), (int) a[3], (int) a[4]);
    }

    private int begin(Object place, Awaited awaited) {
        if (awaited == null) {
            return WRONG;
        }
        requests.put(nextRequest, awaited);
        return putHandle(place, nextRequest++);
    }

    private int test(Object... a) {
        Awaited awaited = requests.get(request(a[0]));
        if (awaited == null) {
            return WRONG;
        }
        boolean stays = awaited instanceof FakeSum.Part && insteadOfSums != null;
        if (stays) {
            insteadOfSums.run();
        }
        boolean done = !stays && awaited.isDone();
        if (done) {
            requests.remove(request(a[0]));
        }
        return put(a[1], done ? 1 : 0);
    }

    private boolean receive(Receipt receipt) {
        Optional<World.Message> message = world.first(receipt.from, constants.anySource(), rank, receipt.tag, true);
        message.ifPresent(come -> MemorySegment.copy(come.bytes, 0, receipt.bytes, ValueLayout.JAVA_BYTE, 0, come.bytes.length));
        return message.isPresent();
    }

    private long request(Object place) {
        return abi.read(memory(place, 8));
    }

    private int putHandle(Object place, long value) {
        if (abi == MpiAbi.MPICH) {
            memory(place, 4).set(ValueLayout.JAVA_INT, 0, (int) value);
        } else {
            memory(place, 8).set(ValueLayout.JAVA_LONG, 0, value);
        }
        return 0;
    }

    private static int put(Object place, int value) {
        memory(place, 4).set(ValueLayout.JAVA_INT, 0, value);
        return 0;
    }

    private static int text(Object place, Object length, String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        MemorySegment.copy(bytes, 0, memory(place, bytes.length), ValueLayout.JAVA_BYTE, 0, bytes.length);
        return put(length, bytes.length);
    }

    @SuppressWarnings("restricted")
    private static MemorySegment memory(Object pointer, long bytes) {
        return ((MemorySegment) pointer).reinterpret(bytes);
    }
}
