package kept.template;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** The variable {@code loop}: the position in a loop, and the previous and next elements. */
final class Loop implements Callable {
    private static final Object NONE = new Object();

    private final Object iterable;
    private final Values values;
    private final Callable recursion;
    private final int depth;
    private Iterator<Object> rest;
    private int index = -1;
    private int length = -1;
    private Object before = NONE;
    private Object current = NONE;
    private Object after = NONE;
    private PyTuple lastChanged;

    /** Creates the state before the first element; {@code recursion} is null if the loop is not recursive. */
    Loop(Object iterable, Values values, Callable recursion, int depth) {
        this.iterable = iterable;
        this.values = values;
        this.recursion = recursion;
        this.depth = depth;
        rest = values.iterator(iterable);
    }

    boolean advance() {
        Object next = peek();
        if (next == NONE) {
            return false;
        }
        after = NONE;
        index++;
        before = current;
        current = next;
        return true;
    }

    Object current() {
        return current;
    }

    private Object peek() {
        if (after == NONE && rest.hasNext()) {
            after = rest.next();
        }
        return after;
    }

    int index() {
        return index + 1;
    }

    int depth() {
        return depth;
    }

    int length() {
        if (length < 0) {
            length = values.lengthOrNone(iterable);
        }
        if (length < 0) {
            List<Object> remaining = values.list(new Lazy(rest, "generator"));
            rest = remaining.iterator();
            length = remaining.size() + index() + (after == NONE ? 0 : 1);
        }
        return length;
    }

    @Override
    public Object call(Arguments arguments, Interpreter interpreter) {
        if (recursion == null) {
            throw new TemplateException("The loop must have the 'recursive' marker to be called recursively.");
        }
        return recursion.call(new Arguments(Arrays.asList(arguments.bind("loop", 1, "iterable")), Map.of("depth",
                BigInteger.valueOf(depth + 1L))),
                interpreter);
    }

    /** An attribute, or {@link Frame#MISSING}. */
    Object attribute(String name) {
        return switch (name) {
            case "index0" -> Numbers.of(index);
            case "index" -> Numbers.of(index());
            case "revindex0" -> Numbers.of(length() - index());
            case "revindex" -> Numbers.of(length() - index);
            case "first" -> index == 0;
            case "last" -> peek() == NONE;
            case "length" -> Numbers.of(length());
            case "depth0" -> Numbers.of(depth);
            case "depth" -> Numbers.of(depth + 1L);
            case "previtem" -> index == 0 ? new Undefined("there is no previous item") : before;
            case "nextitem" -> peek() == NONE ? new Undefined("there is no next item") : after;
            case "cycle" -> new Function("cycle", (arguments, _) -> cycle(arguments.positional("cycle", 0, Integer.MAX_VALUE)));
            case "changed" -> new Function("changed", (arguments, _) -> changed(arguments.positional("changed", 0, Integer.MAX_VALUE)));
            default -> Frame.MISSING;
        };
    }

    private Object cycle(List<Object> items) {
        if (items.isEmpty()) {
            throw new TemplateException("no items for cycling given");
        }
        return items.get(index % items.size());
    }

    private Object changed(List<Object> items) {
        var now = new PyTuple(items);
        boolean changed = lastChanged == null || !values.areEqual(lastChanged, now);
        lastChanged = now;
        return changed;
    }
}
