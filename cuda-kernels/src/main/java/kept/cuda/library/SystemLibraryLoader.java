package kept.cuda.library;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Loads libraries by the system's dynamic linker. Java drops the linker's error message, so it is obtained here by dlopen and dlerror. */
final class SystemLibraryLoader implements LibraryLoader {
    private static final int RTLD_NOW = 2;

    @Override
    @SuppressWarnings("restricted")
    public SymbolLookup open(String library) throws LoadException {
        try {
            return SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new LoadException(explain(library, e.getMessage()));
        } catch (IllegalCallerException e) {
            throw new LoadException("native access is denied; start Java with --enable-native-access=kept.cuda");
        }
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
            // Clears the error of earlier calls, and links the method handle, so that no other call resets the error between dlopen and dlerror.
            MemorySegment _ = (MemorySegment) dlerror.invokeExact();
            MemorySegment handle = (MemorySegment) dlopen.invokeExact(name, RTLD_NOW);
            MemorySegment message = (MemorySegment) dlerror.invokeExact();
            return handle.address() == 0 && message.address() != 0 ? NativeText.at(message) : javaMessage;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
