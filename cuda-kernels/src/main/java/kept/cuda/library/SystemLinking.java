package kept.cuda.library;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The system's dynamic linker. Java loads libraries but keeps what the linker says when it cannot; that is asked for here, by dlopen and dlerror. */
final class SystemLinking implements Linking {
    private static final int RTLD_NOW = 2;

    @Override
    @SuppressWarnings("restricted")
    public SymbolLookup open(String library) throws LinkageException {
        try {
            return SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new LinkageException(explain(library, e.getMessage()));
        } catch (IllegalCallerException e) {
            throw new LinkageException("native access is denied; start Java with --enable-native-access=kept.cuda");
        }
    }

    @SuppressWarnings("restricted")
    private static String explain(String library, String otherwise) {
        Linker linker = Linker.nativeLinker();
        SymbolLookup system = linker.defaultLookup();
        if (system.find("dlopen").isEmpty() || system.find("dlerror").isEmpty()) {
            return otherwise;
        }
        MethodHandle dlopen = linker.downcallHandle(system.findOrThrow("dlopen"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        MethodHandle dlerror = linker.downcallHandle(system.findOrThrow("dlerror"), FunctionDescriptor.of(ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(library);
            // Forgets what is of an earlier call, and links the handle, so that nothing comes between the failure and its message.
            MemorySegment _ = (MemorySegment) dlerror.invokeExact();
            MemorySegment handle = (MemorySegment) dlopen.invokeExact(name, RTLD_NOW);
            MemorySegment message = (MemorySegment) dlerror.invokeExact();
            return handle.address() == 0 && message.address() != 0 ? NativeText.at(message) : otherwise;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
