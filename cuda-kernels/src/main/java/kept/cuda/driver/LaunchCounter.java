package kept.cuda.driver;

import java.util.List;

/**
 * A driver, or the provider of a device, that executes kernels itself and can count what they do. Counting is off at first and then costs nothing.
 */
public interface LaunchCounter {
    /**
     * Switches counting on or off for later launches.
     *
     * @param counting whether to count
     */
    void count(boolean counting);

    /**
     * Returns the counts of the launches since the last call, once they have run.
     *
     * @return counts in the order of the launches
     */
    List<LaunchCounts> takeCounts();
}
