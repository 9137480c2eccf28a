package kept.distributed.mpi;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Threads that are the ranks of a {@link FakeMpi}. */
final class FakeRanks {
    /** What each rank does. */
    interface Task {
        void run(MpiTransport transport, FakeMpi library) throws Exception;
    }

    private FakeRanks() {}

    /**
     * Runs a task on all ranks at once and waits for them.
     *
     * @param abi the interface of the library
     * @param ranks their number
     * @param timeout of the transport and of the engine's end, in nanoseconds
     * @return the world in which they were
     * @throws AssertionError with what one of them has thrown
     */
    static FakeMpi.World run(MpiAbi abi, int ranks, long timeout, Task task) throws InterruptedException {
        var world = new FakeMpi.World();
        List<FutureTask<Void>> tasks = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            var library = new FakeMpi(world, abi, rank, ranks);
            var todo = new FutureTask<Void>(() -> {
                task.run(new MpiTransport(new MpiCalls(new MpiLibrary("libfake.so", abi, library)), timeout, timeout), library);
                return null;
            });
            tasks.add(todo);
            Thread.ofPlatform().daemon().start(todo);
        }
        for (FutureTask<Void> todo : tasks) {
            try {
                todo.get();
            } catch (ExecutionException e) {
                throw new AssertionError(e.getCause());
            }
        }
        return world;
    }
}
