package kept.cuda.driver;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The kernels launched since the last synchronization, at most 16. The driver reports a kernel fault at a later, unrelated call; its message lists
 * these kernels. The history is not synchronized, so a concurrent launch may be missing; only messages depend on it.
 */
final class LaunchHistory {
    private static final int LENGTH = 16;

    private final Map<Long, String> names = new ConcurrentHashMap<>();
    private final long[] last = new long[LENGTH];
    private int count;

    /** Registers the name of a kernel. */
    void name(long kernel, String name) {
        names.put(kernel, name);
    }

    String name(long kernel) {
        return names.getOrDefault(kernel, "an unknown kernel");
    }

    void launched(long kernel) {
        last[count & LENGTH - 1] = kernel;
        count = count + 1 & Integer.MAX_VALUE;
    }

    /** Clears the history after a successful synchronization. */
    void finished() {
        count = 0;
    }

    /** Lists the kernels that may have failed, the latest launch first; empty if there is none. */
    String suspects() {
        Set<String> suspects = new LinkedHashSet<>();
        for (int i = 1; i <= Math.min(count, LENGTH); i++) {
            suspects.add(name(last[count - i & LENGTH - 1]));
        }
        if (suspects.isEmpty()) {
            return "";
        }
        if (suspects.size() == 1 && count <= LENGTH) {
            return "the kernel that failed is " + suspects.iterator().next();
        }
        return "the kernel that failed is one of %s (latest launch first)%s; run with -D%s=launch to find out which"
                .formatted(String.join(", ", suspects), count > LENGTH ? " or an earlier one" : "", FfmDriver.CHECK_PROPERTY);
    }
}
