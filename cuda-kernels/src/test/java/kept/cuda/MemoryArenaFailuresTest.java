package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.cuda.virtual.VirtualDriver;
import kept.cuda.virtual.VirtualGpu;
import org.junit.jupiter.api.Test;

/** Each call of the driver that manages memory fails once. The arena loses no memory, and the same operation succeeds when it is repeated. */
class MemoryArenaFailuresTest {
    private static final long CHUNK = 32L << 20;
    private static final int CHUNKS = 4;
    private static final Set<String> CALLS = Set.of("createMemory", "releaseMemory", "map", "setAccess", "unmap", "synchronize");
    private static final int OTHER_ERROR = 999;

    private final List<String> calls = new ArrayList<>();
    private int failing;
    private int failures;

    /** Returns a driver whose calls are counted, and one of which fails before it does anything. */
    private Driver failing(VirtualDriver driver, int at, int status) {
        calls.clear();
        failing = at;
        failures = 0;
        return (Driver) Proxy.newProxyInstance(Driver.class.getClassLoader(), new Class<?>[] {Driver.class}, (_, method, arguments) -> {
            if (CALLS.contains(method.getName())) {
                calls.add(method.getName());
                if (calls.size() == failing) {
                    throw new CudaException(status, "[driver] %s fails".formatted(method.getName()));
                }
            }
            try {
                return method.invoke(driver, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
    }

    private <T> T again(String what, VirtualDriver driver, MemoryArena arena, Supplier<T> operation) {
        T result;
        try {
            result = operation.get();
        } catch (CudaException e) {
            failures++;
            assertThat(arena.reserved()).as("%s, after call %d, %s", what, failing, e.getMessage()).isEqualTo(driver.createdMemory());
            result = operation.get();
        }
        assertThat(arena.reserved()).as(what).isEqualTo(driver.createdMemory());
        return result;
    }

    /** Fills the memory, moves that of holes, releases it, and takes it again. */
    private void run(int at, int status) {
        VirtualDriver driver = VirtualGpu.open(CHUNKS * CHUNK).mappingMemory().driver();
        driver.makeCurrent(driver.retainPrimaryContext(0));
        long stream = driver.createStream();
        MemoryArena arena = new MemoryArena(failing(driver, at, status), 0, stream);
        List<Long> blocks = new ArrayList<>();
        for (int i = 0; i < CHUNKS; i++) {
            blocks.add(allocate(driver, arena, stream, 1));
        }
        arena.free(blocks.removeFirst());
        arena.free(blocks.remove(1));
        long moved = allocate(driver, arena, stream, 2);
        arena.free(moved);
        again("trim", driver, arena, () -> {
            arena.trim();
            return null;
        });
        assertThat(driver.createdMemory()).isEqualTo(2 * CHUNK);
        allocate(driver, arena, stream, 2);
        again("close", driver, arena, () -> {
            arena.close();
            return null;
        });
        assertThat(driver.createdMemory()).as("after close, with call %d failing", at).isZero();
        driver.destroyStream(stream);
        driver.releasePrimaryContext(0);
    }

    private long allocate(VirtualDriver driver, MemoryArena arena, long stream, int chunks) {
        long address = again("allocate", driver, arena, () -> arena.allocate(chunks * CHUNK));
        // The device may access all of it.
        for (long at = address; at < address + chunks * CHUNK; at += CHUNK) {
            driver.set(at, (byte) 1, 1, stream);
        }
        return address;
    }

    @Test
    void noCallThatFailsLosesMemory() {
        run(0, 0);
        List<String> all = List.copyOf(calls);
        assertThat(all).containsAll(CALLS);
        for (int status : new int[] {CudaException.OUT_OF_MEMORY, OTHER_ERROR}) {
            for (int at = 1; at <= all.size(); at++) {
                run(at, status);
                // Where the device has no memory, that of unused chunks serves.
                boolean moves = status == CudaException.OUT_OF_MEMORY && all.get(at - 1).equals("createMemory");
                assertThat(failures).as("call %d, %s", at, all.get(at - 1)).isBetween(moves ? 0 : 1, 1);
            }
        }
    }
}
