package kept.template;

import java.util.HashMap;
import java.util.Map;

/** The variables of a scope at run time. */
final class Frame {
    /** The value of a variable that is not yet assigned. */
    static final Object MISSING = Arguments.MISSING;

    private final Scope scope;
    private final Frame parent;
    private final Context context;
    private final Map<String, Object> values = new HashMap<>();

    /** Creates the frame of a scope. */
    Frame(Scope scope, Frame parent, Context context) {
        this.scope = scope;
        this.parent = parent;
        this.context = context;
        begin();
    }

    /** Initialises all variables; parameters must be set again. */
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

    /** Whether this is the template's own scope, whose variables are visible to blocks. */
    boolean isTop() {
        return parent == null && !context.inBlock();
    }

    /** The value of a variable, or {@link #MISSING}. */
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

    /** Sets a parameter, which blocks do not see. */
    void setParameter(String name, Object value) {
        values.put(name, value);
    }

    /** The variables assigned in this scope and the enclosing ones. */
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
