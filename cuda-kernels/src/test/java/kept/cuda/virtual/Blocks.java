package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs the blocks of a launch, all or a sample, on one thread or several. Of several faults that of the first block is reported, so that it is
 * deterministic.
 */
final class Blocks {
    private final KernelLaunch launch;
    private final long mostInstructions;
    private final int workers;
    private final long[] chosen;
    private final long count;
    private final AtomicLong next = new AtomicLong();
    private final AtomicLong firstFault = new AtomicLong(Long.MAX_VALUE);
    private RuntimeException fault;
    private long laneInstructions;

    /**
     * Prepares a run.
     *
     * @param chosen numbers of the blocks to run; null for all
     */
    Blocks(KernelLaunch launch, long mostInstructions, int workers, long[] chosen) {
        this.launch = launch;
        this.mostInstructions = mostInstructions;
        this.workers = workers;
        this.chosen = chosen;
        this.count = chosen == null ? launch.blocks() : chosen.length;
    }

    /** Runs the blocks and returns the number of executed instructions, counting each lane. */
    long run() {
        List<Thread> others = new ArrayList<>();
        for (int i = 1; i < workers; i++) {
            others.add(Thread.ofPlatform().daemon().start(this::work));
        }
        work();
        for (Thread other : others) {
            boolean done = false;
            while (!done) {
                try {
                    other.join();
                    done = true;
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException("[virtual gpu] interrupted", e);
                }
            }
        }
        if (fault != null) {
            throw fault;
        }
        return laneInstructions;
    }

    private long number(long turn) {
        long place = launch.order().block(turn, count);
        return chosen == null ? place : chosen[(int) place];
    }

    private void work() {
        var block = new Block(launch);
        long sum = 0;
        for (long i = next.getAndIncrement(); i < count && i < firstFault.get(); i = next.getAndIncrement()) {
            try {
                sum += block.run(number(i), mostInstructions);
            } catch (RuntimeException e) {
                report(i, e);
                break;
            }
        }
        synchronized (this) {
            laneInstructions += sum;
            if (launch.counts() != null) {
                launch.counts().add(block.counts());
            }
        }
    }

    private synchronized void report(long block, RuntimeException e) {
        if (block < firstFault.get()) {
            firstFault.set(block);
            fault = e;
        }
    }
}
