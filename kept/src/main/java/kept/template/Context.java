package kept.template;

import java.util.HashMap;
import java.util.Map;

/** The variables passed to the template, and those assigned in its outermost scope. */
final class Context {
    private final Map<String, Object> given;
    private final Map<String, Object> assigned;
    private final boolean inBlock;

    Context(Map<String, Object> given, Map<String, Object> assigned, boolean inBlock) {
        this.given = given;
        this.assigned = assigned;
        this.inBlock = inBlock;
    }

    Object resolve(String name) {
        Object value = assigned.getOrDefault(name, this);
        return value != this ? value : given.getOrDefault(name, Frame.MISSING);
    }

    Map<String, Object> assigned() {
        return assigned;
    }

    /** The number of variables. */
    int size() {
        return given.size() + assigned.size();
    }

    boolean inBlock() {
        return inBlock;
    }

    /** The context of a block. */
    Context forBlock() {
        return new Context(given, assigned, true);
    }

    /** The context of a scoped block, which sees the variables at its position. */
    Context forBlock(Map<String, Object> visible) {
        var all = new HashMap<>(given);
        all.putAll(assigned);
        all.putAll(visible);
        return new Context(all, new HashMap<>(), true);
    }
}
