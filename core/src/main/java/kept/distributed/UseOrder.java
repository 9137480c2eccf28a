package kept.distributed;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The order in which the groups of some {@link DividedTensors} are used in a pass. A pass that begins like the one before is expected to go on like
 * it: as soon as a group is used, the next one is gathered while this rank computes. Nothing is gathered for nothing unless a pass differs.
 */
public final class UseOrder {
    private final Set<DividedTensors> all = new LinkedHashSet<>();
    private List<Use> before = List.of();
    private List<Use> uses = new ArrayList<>();
    /** Whether this pass has been like the one before so far. */
    private boolean isRepeated;

    private record Use(DividedTensors tensors, int group) {}

    /** The order of no tensors yet. */
    public UseOrder() {
        // Passes begin later.
    }

    /** Expects uses of tensors too. */
    void add(DividedTensors tensors) {
        all.add(tensors);
    }

    /** Begins a pass; every rank calls this. */
    public void begin() {
        all.forEach(DividedTensors::forgetLast);
        before = uses;
        uses = new ArrayList<>();
        isRepeated = true;
    }

    /** Notes that all ranks use a group, and lets the tensors gather what comes next. */
    void use(DividedTensors tensors, int group) {
        int index = uses.size();
        var use = new Use(tensors, group);
        uses.add(use);
        isRepeated &= index < before.size() && before.get(index).equals(use);
        if (isRepeated && index + 1 < before.size()) {
            Use next = before.get(index + 1);
            next.tensors.fetch(next.group);
        }
    }
}
