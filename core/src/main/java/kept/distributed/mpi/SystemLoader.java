package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/** Loads libraries by the system's dynamic linker, whose message, which Java drops, is obtained by dlopen and dlerror. */
final class SystemLoader implements MpiLibrary.Loader {
    private static final int RTLD_NOW = 2;
    private static final int LONGEST = 4096;

    @Override
    @SuppressWarnings("restricted")
    public SymbolLookup open(String library) throws MpiLibrary.LoadException {
        keepSignalsOfJava();
        try {
            return SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new MpiLibrary.LoadException(explain(library, e.getMessage()));
        } catch (IllegalCallerException e) {
            throw new MpiLibrary.LoadException("native access is denied; start Java with --enable-native-access=kept.core");
        }
    }

    /**
     * UCX, which MPI libraries load, takes over the signals by which Java finds null references and stops threads, unless this variable, which the
     * user may have set, is empty.
     */
    @SuppressWarnings("restricted")
    private static void keepSignalsOfJava() {
        Linker linker = Linker.nativeLinker();
        linker.defaultLookup().find("setenv").ifPresent(address -> {
            MethodHandle setenv = linker.downcallHandle(address,
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
            try (var arena = Arena.ofConfined()) {
                int _ = (int) setenv.invokeExact(arena.allocateFrom("UCX_ERROR_SIGNALS"), arena.allocateFrom(""), 0);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        });
    }

    @SuppressWarnings("restricted")
    private static String explain(String library, String javaMessage) {
        Linker linker = Linker.nativeLinker();
        SymbolLookup system = linker.defaultLookup();
        if (system.find("dlopen").isEmpty() || system.find("dlerror").isEmpty()) {
            return javaMessage;
        }
        MethodHandle dlopen = linker.downcallHandle(system.findOrThrow("dlopen"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        MethodHandle dlerror = linker.downcallHandle(system.findOrThrow("dlerror"), FunctionDescriptor.of(ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(library);
            // Links the method handle before dlopen, so that no other call resets the error in between.
            MemorySegment _ = (MemorySegment) dlerror.invokeExact();
            MemorySegment handle = (MemorySegment) dlopen.invokeExact(name, RTLD_NOW);
            MemorySegment message = (MemorySegment) dlerror.invokeExact();
            return handle.address() == 0 && message.address() != 0 ? text(message) : javaMessage;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** A C string, read byte by byte, since nothing beyond its end need be mapped. */
    @SuppressWarnings("restricted")
    private static String text(MemorySegment address) {
        MemorySegment bytes = address.reinterpret(LONGEST);
        int length = 0;
        while (length < LONGEST && bytes.get(ValueLayout.JAVA_BYTE, length) != 0) {
            length++;
        }
        return new String(bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
