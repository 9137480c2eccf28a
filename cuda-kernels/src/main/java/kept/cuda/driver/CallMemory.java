package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Native memory of one thread that calls take their results through, used again by each, so that a call allocates none.
 *
 * <p>A launch hands its arguments over as one block: the driver takes a list that ends with 0, in which 1 goes before the block's address and 2
 * before the address of its size ({@code CU_LAUNCH_PARAM_BUFFER_POINTER}, {@code CU_LAUNCH_PARAM_BUFFER_SIZE}, {@code CU_LAUNCH_PARAM_END}).
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

    /** Eight bytes for a call's first result. */
    MemorySegment first() {
        return first;
    }

    /** Eight bytes for a call's second result. */
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

    /** The list for a launch; nothing for a kernel that takes no arguments. */
    MemorySegment launch(MemorySegment arguments) {
        if (arguments.byteSize() == 0) {
            return MemorySegment.NULL;
        }
        launch.setAtIndex(ValueLayout.JAVA_LONG, 1, arguments.address());
        size.set(ValueLayout.JAVA_LONG, 0, arguments.byteSize());
        return launch;
    }
}
