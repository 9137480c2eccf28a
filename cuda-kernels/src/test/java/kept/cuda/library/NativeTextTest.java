package kept.cuda.library;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.junit.jupiter.api.Test;

class NativeTextTest {
    private static final int PAGE = 1 << 16;

    @Test
    @SuppressWarnings("restricted")
    void noByteAfterTheTerminatorIsRead() throws Throwable {
        long pages = (long) function("mmap", ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)
                .invokeExact(0L, 2L * PAGE, 3, privateAndAnonymous(), -1, 0L);
        // A read from the second page terminates the process.
        assertThat((int) function("mprotect", ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT)
                .invokeExact(pages + PAGE, (long) PAGE, 0)).isZero();
        MemorySegment first = MemorySegment.ofAddress(pages).reinterpret(PAGE);
        for (String text : new String[] {"", "a", "out of memory", "an illegal memory access was encountered", "na\u00efve"}) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bytes = arena.allocateFrom(text);
                MemorySegment atTheEnd = first.asSlice(PAGE - bytes.byteSize()).copyFrom(bytes);
                assertThat(NativeText.at(MemorySegment.ofAddress(atTheEnd.address()))).isEqualTo(text);
            }
        }
        assertThat(NativeText.at(MemorySegment.NULL)).isNull();
    }

    private static int privateAndAnonymous() {
        return System.getProperty("os.name").startsWith("Mac") ? 0x1002 : 0x22;
    }

    @SuppressWarnings("restricted")
    private static MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
    }
}
