package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Native memory of one thread for output parameters and launch options. Every call of the thread reuses it, so that calls allocate no native memory.
 *
 * <p>A launch passes its arguments in one buffer through the {@code extra} parameter of cuLaunchKernel. That is an array of
 * {@code CU_LAUNCH_PARAM_BUFFER_POINTER} (1) and the buffer's address, {@code CU_LAUNCH_PARAM_BUFFER_SIZE} (2) and the address of its size, and
 * {@code CU_LAUNCH_PARAM_END} (0).
 */
final class CallMemory {
    private static final long BUFFER_POINTER = 1;
    private static final long BUFFER_SIZE = 2;

    private final MemorySegment first;
    private final MemorySegment second;
    private final MemorySegment size;
    private final MemorySegment launch;

    CallMemory() {
        Arena arena = Arena.ofAuto();
        first = arena.allocate(ValueLayout.JAVA_LONG);
        second = arena.allocate(ValueLayout.JAVA_LONG);
        size = arena.allocate(ValueLayout.JAVA_LONG);
        launch = arena.allocate(ValueLayout.JAVA_LONG, 5);
        launch.setAtIndex(ValueLayout.JAVA_LONG, 0, BUFFER_POINTER);
        launch.setAtIndex(ValueLayout.JAVA_LONG, 2, BUFFER_SIZE);
        launch.setAtIndex(ValueLayout.JAVA_LONG, 3, size.address());
    }

    /** Eight bytes for the first output parameter of a call. */
    MemorySegment first() {
        return first;
    }

    /** Eight bytes for the second output parameter of a call. */
    MemorySegment second() {
        return second;
    }

    int firstInt() {
        return first.get(ValueLayout.JAVA_INT, 0);
    }

    long firstLong() {
        return first.get(ValueLayout.JAVA_LONG, 0);
    }

    long secondLong() {
        return second.get(ValueLayout.JAVA_LONG, 0);
    }

    /** Returns the {@code extra} array of a launch; NULL for a kernel without parameters. */
    MemorySegment launch(MemorySegment arguments) {
        if (arguments.byteSize() == 0) {
            return MemorySegment.NULL;
        }
        launch.setAtIndex(ValueLayout.JAVA_LONG, 1, arguments.address());
        size.set(ValueLayout.JAVA_LONG, 0, arguments.byteSize());
        return launch;
    }
}
