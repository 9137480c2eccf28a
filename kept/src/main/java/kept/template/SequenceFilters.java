package kept.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Filters of lists and dictionaries. */
final class SequenceFilters {
    private final Interpreter interpreter;
    private final Values values;
    private final Budget budget;
    private final Map<String, Filters.Filter> filters = new HashMap<>();

    SequenceFilters(Interpreter interpreter) {
        this.interpreter = interpreter;
        values = interpreter.values();
        budget = interpreter.budget();
        filters.put("length", (value, arguments) -> {
            arguments.positional("len", 0, 0);
            return Numbers.of(values.length(value));
        });
        filters.put("count", filters.get("length"));
        filters.put("default", this::otherwise);
        filters.put("d", filters.get("default"));
        filters.put("attr", this::attribute);
        filters.put("first", (value, arguments) -> {
            arguments.bind("first", 0);
            Iterator<Object> items = values.iterator(value);
            return items.hasNext() ? items.next() : new Undefined("No first item, sequence was empty.");
        });
        filters.put("last", (value, arguments) -> {
            arguments.bind("last", 0);
            List<Object> items = reversible(value);
            return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.getLast();
        });
        filters.put("list", (value, arguments) -> {
            arguments.bind("list", 0);
            return new PyList(values.list(value));
        });
        filters.put("reverse", this::reverse);
        filters.put("sort", this::sort);
        filters.put("min", (value, arguments) -> extreme(value, arguments, "min"));
        filters.put("max", (value, arguments) -> extreme(value, arguments, "max"));
        filters.put("sum", this::sum);
        filters.put("dictsort", this::dictionarySort);
        filters.put("groupby", this::group);
    }

    Map<String, Filters.Filter> filters() {
        return filters;
    }

    private Object otherwise(Object value, Arguments arguments) {
        Object[] given = arguments.bind("default", 0, "default_value", "boolean");
        boolean empty = value instanceof Undefined || values.isTrue(Filters.or(given[1], false)) && !values.isTrue(value);
        return empty ? Filters.or(given[0], "") : value;
    }

    private Object attribute(Object value, Arguments arguments) {
        Object name = arguments.bind("attr", 1, "name")[0];
        if (!Types.isText(name)) {
            throw new TemplateException("attribute name must be string, not '%s'".formatted(Types.name(name)));
        }
        Object own = interpreter.evaluator().attributes().own(value, Types.text(name));
        return own == Frame.MISSING ? Undefined.attribute(value, name) : own;
    }

    /** The elements of a value that Python can iterate in reverse. */
    private List<Object> reversible(Object value) {
        if (value instanceof Lazy) {
            throw new TemplateException("'%s' object is not reversible".formatted(Types.name(value)));
        }
        return value instanceof Sequence sequence ? sequence.items() : values.list(value);
    }

    private Object reverse(Object value, Arguments arguments) {
        arguments.bind("reverse", 0);
        if (Types.isText(value)) {
            return interpreter.evaluator().attributes().slice(value, null, null, Numbers.of(-1));
        }
        List<Object> items = values.list(value);
        Collections.reverse(items);
        return value instanceof Lazy ? new PyList(items) : new Lazy(items.iterator(), Types.name(value) + "_reverseiterator");
    }

    /** The sort key of a value: an attribute, in lower case unless case-sensitive. */
    private Object key(Object item, List<Object> path, boolean caseSensitive, Object otherwise) {
        Object key = interpreter.evaluator().attributes().path(item, path, otherwise);
        String text = caseSensitive ? null : Types.text(key);
        return text == null ? key : Casing.apply(text, "lower", budget);
    }

    private record Keyed(Object key, Object value) {}

    private List<Keyed> sorted(List<Object> items, UnaryOperator<Object> key, boolean reversed) {
        var keyed = new ArrayList<Keyed>();
        budget.items(items.size());
        items.forEach(item -> keyed.add(new Keyed(key.apply(item), item)));
        Comparator<Object> order = values.order();
        keyed.sort((left, right) -> reversed ? order.compare(right.key(), left.key()) : order.compare(left.key(), right.key()));
        return keyed;
    }

    private static List<Object> plain(List<Keyed> keyed) {
        var items = new ArrayList<>();
        keyed.forEach(one -> items.add(one.value()));
        return items;
    }

    private Object sort(Object value, Arguments arguments) {
        Object[] given = arguments.bind("sort", 0, "reverse", "case_sensitive", "attribute");
        boolean caseSensitive = values.isTrue(Filters.or(given[1], false));
        Object attribute = Filters.or(given[2], null);
        List<List<Object>> paths = new ArrayList<>();
        if (Types.isText(attribute)) {
            for (String part : Types.text(attribute).split(",", -1)) {
                paths.add(Attributes.path(part, budget));
            }
        } else {
            paths.add(Attributes.path(attribute, budget));
        }
        List<Keyed> sorted = sorted(values.list(value), item -> {
            var keys = new ArrayList<>();
            paths.forEach(path -> keys.add(key(item, path, caseSensitive, null)));
            return new PyList(keys);
        }, values.isTrue(Filters.or(given[0], false)));
        return new PyList(plain(sorted));
    }

    private Object extreme(Object value, Arguments arguments, String name) {
        Object[] given = arguments.bind(name, 0, "case_sensitive", "attribute");
        boolean caseSensitive = values.isTrue(Filters.or(given[0], false));
        List<Object> path = Attributes.path(Filters.or(given[1], null), budget);
        Iterator<Object> items = values.iterator(value);
        if (!items.hasNext()) {
            return new Undefined("No aggregated item, sequence was empty.");
        }
        Object best = items.next();
        Object bestKey = key(best, path, caseSensitive, null);
        while (items.hasNext()) {
            Object next = items.next();
            Object key = key(next, path, caseSensitive, null);
            if (name.equals("min") ? values.compare("<", key, bestKey) == -1 : values.compare(">", key, bestKey) == 1) {
                best = next;
                bestKey = key;
            }
        }
        return best;
    }

    private Object sum(Object value, Arguments arguments) {
        Object[] given = arguments.bind("sum", 0, "attribute", "start");
        List<Object> path = Attributes.path(Filters.or(given[0], null), budget);
        Object sum = Filters.or(given[1], Numbers.of(0));
        if (Types.isText(sum)) {
            throw new TemplateException("sum() can't sum strings [use ''.join(seq) instead]");
        }
        for (Iterator<Object> items = values.iterator(value); items.hasNext();) {
            budget.work(1);
            sum = interpreter.evaluator().arithmetic().apply("+", sum, interpreter.evaluator().attributes().path(items.next(), path, null));
        }
        return sum;
    }

    private Object dictionarySort(Object value, Arguments arguments) {
        Object[] given = arguments.bind("dictsort", 0, "case_sensitive", "by", "reverse");
        Object by = Filters.or(given[1], "key");
        if (!"key".equals(by) && !"value".equals(by)) {
            throw new TemplateException("You can only sort by either \"key\" or \"value\"");
        }
        if (!(value instanceof PyDict dict)) {
            throw new TemplateException("dictsort of a %s, not a dict".formatted(Types.name(value)));
        }
        boolean caseSensitive = values.isTrue(Filters.or(given[0], false));
        List<Object> path = List.of(Numbers.of("key".equals(by) ? 0 : 1));
        return new PyList(plain(sorted(new DictView(DictView.Kind.ITEMS, dict).items(), item -> key(item, path, caseSensitive, null),
                values.isTrue(Filters.or(given[2], false)))));
    }

    private Object group(Object value, Arguments arguments) {
        Object[] given = arguments.bind("groupby", 1, "attribute", "default", "case_sensitive");
        List<Object> path = Attributes.path(given[0], budget);
        Object otherwise = Filters.or(given[1], null);
        boolean caseSensitive = values.isTrue(Filters.or(given[2], false));
        var groups = new ArrayList<>();
        List<Object> group = null;
        Object last = null;
        for (Keyed item : sorted(values.list(value), one -> key(one, path, caseSensitive, otherwise), false)) {
            if (group == null || !values.areEqual(last, item.key())) {
                group = new ArrayList<>();
                last = item.key();
                var pair = new ArrayList<>();
                pair.add(interpreter.evaluator().attributes().path(item.value(), path, otherwise));
                pair.add(new PyList(group));
                groups.add(new PyTuple(pair, true));
            }
            group.add(item.value());
        }
        return new PyList(groups);
    }

    /** Elements whose keys have not occurred before. */
    static Lazy unique(Object value, Arguments arguments, Interpreter interpreter) {
        Object[] given = arguments.bind("unique", 0, "case_sensitive", "attribute");
        boolean caseSensitive = interpreter.values().isTrue(Filters.or(given[0], false));
        List<Object> path = Attributes.path(Filters.or(given[1], null), interpreter.budget());
        var keys = new SequenceFilters(interpreter);
        Set<DictKey> seen = new HashSet<>();
        return SelectionFilters.searching(() -> interpreter.values().iterator(value), item -> {
            interpreter.budget().items(1);
            return seen.add(PyDict.hashable(keys.key(item, path, caseSensitive, null), interpreter.budget())) ? item : SearchingIterator.NONE;
        });
    }
}
