package kept.template;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** Filters with lazy results: map, select and similar. */
final class SelectionFilters {
    /** Steps per element. */
    private static final int EACH = 4;

    private final Interpreter interpreter;
    private final Values values;
    private final Map<String, Filters.Filter> filters = new HashMap<>();

    SelectionFilters(Interpreter interpreter) {
        this.interpreter = interpreter;
        values = interpreter.values();
        filters.put("map", this::map);
        filters.put("select", (value, arguments) -> select(value, arguments, false, true));
        filters.put("reject", (value, arguments) -> select(value, arguments, false, false));
        filters.put("selectattr", (value, arguments) -> select(value, arguments, true, true));
        filters.put("rejectattr", (value, arguments) -> select(value, arguments, true, false));
        filters.put("items", (value, arguments) -> {
            arguments.bind("items", 0);
            return searching(() -> items(value), item -> item);
        });
        filters.put("unique", (value, arguments) -> SequenceFilters.unique(value, arguments, interpreter));
        filters.put("batch", this::batch);
        filters.put("slice", this::slice);
    }

    Map<String, Filters.Filter> filters() {
        return filters;
    }

    /** Applies a function to the elements of a source, both evaluated lazily; the function may skip elements. */
    static Lazy searching(Supplier<Iterator<Object>> source, UnaryOperator<Object> function) {
        return Lazy.generator(new SearchingIterator() {
            private Iterator<Object> items;

            @Override
            Object find() {
                if (items == null) {
                    items = source.get();
                }
                while (items.hasNext()) {
                    Object result = function.apply(items.next());
                    if (result != NONE) {
                        return result;
                    }
                }
                return NONE;
            }
        });
    }

    /** A generator that computes all elements when the first is requested. */
    private static Lazy later(Supplier<List<Object>> items) {
        return searching(() -> items.get().iterator(), item -> item);
    }

    private Iterator<Object> items(Object value) {
        if (value instanceof Undefined) {
            return List.of().iterator();
        }
        if (!(value instanceof PyDict dict)) {
            throw new TemplateException("Can only get item pairs from a mapping.");
        }
        return new DictView(DictView.Kind.ITEMS, dict).iterator();
    }

    private Iterator<Object> elements(Object value) {
        return values.isTrue(value) ? values.iterator(value) : List.of().iterator();
    }

    private static Arguments rest(Arguments arguments, int taken) {
        return new Arguments(arguments.positional().subList(taken, arguments.positional().size()), arguments.named());
    }

    private Object map(Object value, Arguments arguments) {
        return searching(() -> elements(value), item -> {
            interpreter.budget().work(EACH);
            if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
                Object[] given = arguments.bind("map", 0, "attribute", "default");
                return interpreter.evaluator().attributes().path(item, Attributes.path(given[0], interpreter.budget()), Filters.or(given[1], null));
            }
            if (arguments.positional().isEmpty()) {
                throw new TemplateException("map requires a filter argument");
            }
            return interpreter.evaluator().filters().apply(name(arguments.positional().getFirst(), "filter"), item, rest(arguments, 1));
        });
    }

    private static String name(Object name, String kind) {
        if (!Types.isText(name)) {
            throw new TemplateException("No %s of that name, which is a %s".formatted(kind, Types.name(name)));
        }
        return Types.text(name);
    }

    private Object select(Object value, Arguments arguments, boolean attribute, boolean wanted) {
        int first = attribute ? 1 : 0;
        return searching(() -> elements(value), item -> {
            interpreter.budget().work(EACH);
            if (arguments.positional().size() < first) {
                throw new TemplateException("Missing parameter for attribute name");
            }
            Object tested = attribute ? interpreter.evaluator().attributes().path(item,
                    Attributes.path(arguments.positional().getFirst(), interpreter.budget()), null)
                    : item;
            boolean holds = arguments.positional().size() == first ? values.isTrue(tested)
                    : interpreter.evaluator().tests().apply(name(arguments.positional().get(first), "test"), tested, rest(arguments, first + 1));
            return holds == wanted ? item : SearchingIterator.NONE;
        });
    }

    private Object batch(Object value, Arguments arguments) {
        Object[] given = arguments.bind("batch", 1, "linecount", "fill_with");
        return later(() -> {
            Object count = given[0];
            Object fill = Filters.or(given[1], null);
            var batches = new ArrayList<>();
            List<Object> batch = new ArrayList<>();
            for (Iterator<Object> items = values.iterator(value); items.hasNext();) {
                interpreter.budget().items(1);
                if (values.areEqual(Numbers.of(batch.size()), count)) {
                    batches.add(new PyList(batch));
                    batch = new ArrayList<>();
                }
                batch.add(items.next());
            }
            if (!batch.isEmpty()) {
                if (fill != null && values.isLess(Numbers.of(batch.size()), count)) {
                    int missing = Numbers.index(count, "batch") - batch.size();
                    interpreter.budget().items(missing);
                    for (int i = 0; i < missing; i++) {
                        batch.add(fill);
                    }
                }
                batches.add(new PyList(batch));
            }
            return batches;
        });
    }

    private Object slice(Object value, Arguments arguments) {
        Object[] given = arguments.bind("slice", 1, "slices", "fill_with");
        return later(() -> {
            List<Object> items = values.list(value);
            int slices = Numbers.index(given[0], "slice");
            if (slices == 0) {
                throw new TemplateException("integer division or modulo by zero");
            }
            Object fill = Filters.or(given[1], null);
            var parts = new ArrayList<>();
            interpreter.budget().items(Math.max(0, slices));
            int each = Math.floorDiv(items.size(), slices);
            int more = Math.floorMod(items.size(), slices);
            int from = 0;
            for (int i = 0; i < slices; i++) {
                int to = from + each + (i < more ? 1 : 0);
                var part = new ArrayList<>(items.subList(from, to));
                if (fill != null && i >= more) {
                    interpreter.budget().items(1);
                    part.add(fill);
                }
                parts.add(new PyList(part));
                from = to;
            }
            return parts;
        });
    }
}
