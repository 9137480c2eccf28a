package kept.io;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.file.Path;

/**
 * Swaps two paths atomically with Linux's {@code renameat2} and {@code RENAME_EXCHANGE}. Java's rename cannot replace a non-empty directory; it would
 * take two steps, and a kill between them would leave nothing at the path.
 */
final class PathExchange {
    private static final int WORKING_DIRECTORY = -100;
    private static final int EXCHANGE = 2;
    private static final MethodHandle RENAME = find();

    private PathExchange() { }

    @SuppressWarnings("restricted")
    private static MethodHandle find() {
        if (!PathExchange.class.getModule().isNativeAccessEnabled()) {
            return null;
        }
        Linker linker = Linker.nativeLinker();
        var type = FunctionDescriptor.of(ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
        return linker.defaultLookup().find("renameat2").map(function -> linker.downcallHandle(function, type)).orElse(null);
    }

    /**
     * Swaps two paths.
     *
     * @param first an existing path
     * @param second another existing path on the same file system
     * @return whether it was done; false if the system, the file system or Java's native access settings do not allow it; nothing has changed then
     */
    static boolean exchange(Path first, Path second) {
        if (RENAME == null) {
            return false;
        }
        Charset names = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
        try (var arena = Arena.ofConfined()) {
            return 0 == (int) RENAME.invokeExact(WORKING_DIRECTORY, arena.allocateFrom(first.toAbsolutePath().toString(), names),
                WORKING_DIRECTORY, arena.allocateFrom(second.toAbsolutePath().toString(), names), EXCHANGE);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
