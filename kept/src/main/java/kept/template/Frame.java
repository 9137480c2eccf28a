package kept.template;

import java.util.HashMap;
import java.util.Map;

/** A scope while it is executed. */
final class Frame {
    /** What a variable holds that has no value yet. */
    static final Object MISSING = Arguments.MISSING;

    private final Scope scope;
    private final Frame parent;
    private final Context context;
    private final Map<String, Object> values = new HashMap<>();

    /** Begins a scope. */
    Frame(Scope scope, Frame parent, Context context) {
        this.scope = scope;
        this.parent = parent;
        this.context = context;
        begin();
    }

    /** Gives every variable what it holds at the beginning; parameters have to be set anew. */
    void begin() {
        scope.variables().forEach((name, start) -> values.put(name, switch (start) {
            case PARAMETER, NOTHING -> MISSING;
            case GIVEN -> context.resolve(name);
            case OUTER -> parent.get(name);
        }));
    }

    Context context() {
        return context;
    }

    /** Whether this is the template itself, whose variables blocks see. */
    boolean isTop() {
        return parent == null && !context.inBlock();
    }

    /** What a variable holds, {@link #MISSING} if nothing. */
    Object get(String name) {
        for (Frame frame = this; frame != null; frame = frame.parent) {
            Object value = frame.values.getOrDefault(name, frame);
            if (value != frame) {
                return value;
            }
        }
        throw new TemplateException("the name '%s' cannot be used here".formatted(name));
    }

    void set(String name, Object value) {
        values.put(name, value);
        if (isTop()) {
            context.assigned().put(name, value);
        }
    }

    /** Sets what is handed over, which blocks do not see. */
    void setParameter(String name, Object value) {
        values.put(name, value);
    }

    /** Variables that were assigned here and around here. */
    Map<String, Object> visible() {
        Map<String, Object> all = parent == null ? new HashMap<>() : parent.visible();
        scope.assigned().forEach(name -> {
            Object value = values.getOrDefault(name, MISSING);
            if (value != MISSING) {
                all.put(name, value);
            }
        });
        return all;
    }
}
