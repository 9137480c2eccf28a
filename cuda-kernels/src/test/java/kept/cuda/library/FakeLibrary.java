package kept.cuda.library;

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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A fake native library: C functions (upcall stubs) that record their arguments and return what a test specifies. The bindings and the layers above
 * them are the real ones; only NVIDIA's library is replaced.
 *
 * <p>Signatures are taken from NVIDIA's documentation, not from the bindings. Each is a string with the result first: {@code i} is 32 bits wide,
 * {@code l} 64 bits, {@code b} a byte, {@code p} a pointer, {@code u} a struct of 128 bytes by value, which is recorded as a text.
 */
public final class FakeLibrary implements SymbolLookup {
    /** A recorded call: the function and its arguments, pointers as addresses. */
    public record Call(String function, List<Object> arguments) {}

    /** Side effects and result of a function. */
    @FunctionalInterface
    public interface Behaviour {
        long call(Arguments arguments);
    }

    /** Arguments of a call. */
    public record Arguments(List<Object> values) {
        public int i32(int number) {
            return (int) values.get(number);
        }

        public long i64(int number) {
            return (long) values.get(number);
        }

        /** Writes through a pointer. */
        public void put(int number, int value) {
            at(number).set(ValueLayout.JAVA_INT, 0, value);
        }

        /** Writes through a pointer. */
        public void put(int number, long value) {
            at(number).set(ValueLayout.JAVA_LONG, 0, value);
        }

        /** Writes through a pointer. */
        public void put(int number, float value) {
            at(number).set(ValueLayout.JAVA_FLOAT, 0, value);
        }

        /** Reads a C string. */
        public String text(int number) {
            return NativeText.at(at(number));
        }

        /** Returns the memory at a pointer. */
        @SuppressWarnings("restricted")
        public MemorySegment at(int number) {
            return MemorySegment.ofAddress(i64(number)).reinterpret(Long.MAX_VALUE);
        }
    }

    private static final int STRUCT_BYTES = 128;

    private final Map<String, String> signatures;
    private final Map<String, Optional<MemorySegment>> functions = new ConcurrentHashMap<>();
    private final Map<String, Behaviour> behaviours = new HashMap<>();
    private final Set<String> hidden = new HashSet<>();
    private final List<Call> calls = new ArrayList<>();

    private FakeLibrary(Map<String, String> signatures) {
        this.signatures = signatures;
    }

    private static final FakeLibrary DRIVER = new FakeLibrary(FakeSignatures.DRIVER);
    private static final FakeLibrary CUBLAS = new FakeLibrary(FakeSignatures.CUBLAS);

    private static final FakeLibrary NCCL = new FakeLibrary(FakeSignatures.NCCL);

    /** Installs the fake NCCL in this process and resets it. */
    public static FakeLibrary nccl() {
        NativeLibrary.NCCL.loadNccl(_ -> NCCL, LibrarySearch.nccl(null, null, _ -> null, Path.of("/")));
        return NCCL.installedIn(NativeLibrary.NCCL, "ncclSend");
    }

    /** Installs the fake driver in this process and resets it: every call succeeds and does nothing. */
    public static FakeLibrary driver() {
        NativeLibrary.DRIVER.loadDriver(_ -> DRIVER, "Linux");
        return DRIVER.installedIn(NativeLibrary.DRIVER, "cuInit");
    }

    /** Installs the fake cuBLAS in this process and resets it. */
    public static FakeLibrary cublas() {
        NativeLibrary.CUBLAS.loadCublas(_ -> CUBLAS, 13, LibrarySearch.cublas(null, null, _ -> null, Path.of("/")));
        return CUBLAS.installedIn(NativeLibrary.CUBLAS, "cublasCreate_v2");
    }

    private FakeLibrary installedIn(NativeLibrary library, String function) {
        calls.clear();
        behaviours.clear();
        hidden.clear();
        if (!library.find(function).equals(find(function))) {
            throw new IllegalStateException("this process has loaded NVIDIA's library; run the tests of the bindings in a separate process");
        }
        return this;
    }

    /** Sets the behaviour of a function. */
    public FakeLibrary on(String function, Behaviour behaviour) {
        if (!signatures.containsKey(function)) {
            throw new IllegalArgumentException(function);
        }
        behaviours.put(function, behaviour);
        return this;
    }

    /** Hides a function, as an older library does not export it. */
    public void hide(String function) {
        hidden.add(function);
    }

    /** Returns and clears the recorded calls. */
    public List<Call> calls() {
        List<Call> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    /** Returns the names of all functions. */
    public Set<String> names() {
        return signatures.keySet();
    }

    @Override
    public Optional<MemorySegment> find(String name) {
        return hidden.contains(name) || !signatures.containsKey(name) ? Optional.empty() : functions.computeIfAbsent(name, this::make);
    }

    @SuppressWarnings("restricted")
    private Optional<MemorySegment> make(String name) {
        String signature = signatures.get(name);
        MemoryLayout[] layouts = signature.substring(1).chars().mapToObj(FakeLibrary::layout).toArray(MemoryLayout[]::new);
        FunctionDescriptor descriptor = FunctionDescriptor.of(layout(signature.charAt(0)), layouts);
        try {
            MethodHandle target = MethodHandles.lookup().findVirtual(FakeLibrary.class, signature.charAt(0) == 'p' ? "pointer" : "status",
                    MethodType.methodType(signature.charAt(0) == 'p' ? MemorySegment.class : int.class, String.class, Object[].class));
            MethodHandle bound = MethodHandles.insertArguments(target, 0, this, name).asCollector(Object[].class, layouts.length);
            return Optional.of(Linker.nativeLinker().upcallStub(bound.asType(descriptor.toMethodType()), descriptor, Arena.global()));
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static MemoryLayout layout(int letter) {
        return switch (letter) {
            case 'i' -> ValueLayout.JAVA_INT;
            case 'l' -> ValueLayout.JAVA_LONG;
            case 'b' -> ValueLayout.JAVA_BYTE;
            case 'p' -> ValueLayout.ADDRESS;
            case 'u' -> MemoryLayout.structLayout(MemoryLayout.sequenceLayout(STRUCT_BYTES, ValueLayout.JAVA_BYTE));
            default -> throw new IllegalArgumentException(Character.toString(letter));
        };
    }

    private int status(String function, Object... arguments) {
        return (int) called(-1, function, arguments);
    }

    private MemorySegment pointer(String function, Object... arguments) {
        return MemorySegment.ofAddress(called(0, function, arguments));
    }

    /** Records a call and runs its behaviour; an exception of the test's own code becomes an error status or a null pointer. */
    private synchronized long called(long wrong, String function, Object... arguments) {
        List<Object> values = new ArrayList<>();
        for (Object argument : arguments) {
            values.add(!(argument instanceof MemorySegment memory) ? argument
                    : memory.byteSize() == STRUCT_BYTES ? new String(memory.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1)
                    : (Object) memory.address());
        }
        calls.add(new Call(function, List.copyOf(values)));
        try {
            Behaviour behaviour = behaviours.get(function);
            return behaviour == null ? 0 : behaviour.call(new Arguments(values));
        } catch (Throwable e) {
            // An exception that leaves an upcall terminates the process.
            e.printStackTrace();
            return wrong;
        }
    }
}
