package kept.cuda.driver;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What was launched last and may not be done: a kernel that fails is told by some later call, which knows nothing of it. Where threads launch at the
 * same time one may be missing; nothing but messages depends on it.
 */
final class LaunchHistory {
    private static final int LENGTH = 16;

    private final Map<Long, String> names = new ConcurrentHashMap<>();
    private final long[] last = new long[LENGTH];
    private int count;

    /** Says what a kernel is called. */
    void name(long kernel, String name) {
        names.put(kernel, name);
    }

    String name(long kernel) {
        return names.getOrDefault(kernel, "a kernel that is not known");
    }

    void launched(long kernel) {
        last[count & LENGTH - 1] = kernel;
        count = count + 1 & Integer.MAX_VALUE;
    }

    /** Everything launched so far is done, and did not fail. */
    void finished() {
        count = 0;
    }

    /** Tells what may have failed, the last one first; empty where nothing was launched. */
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
        return "the kernel that failed is one of %s (launched last, first)%s; -D%s=launch tells which"
                .formatted(String.join(", ", suspects), count > LENGTH ? " or of those before" : "", FfmDriver.CHECK_PROPERTY);
    }
}
