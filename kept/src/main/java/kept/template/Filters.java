package kept.template;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** The filters, by name. */
final class Filters {
    /** Jinja2 filters that are not supported, because their results are random or their rules too complex for chat templates. */
    private static final Set<String> REFUSED = Set.of("random", "urlize", "wordwrap");

    /** A filter that computes its result immediately. */
    @FunctionalInterface
    interface Filter {
        Object apply(Object value, Arguments arguments);
    }

    private static final Set<String> NAMES = Set.of("abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e",
            "escape",
            "filesizeformat", "first", "float", "forceescape", "format", "groupby", "indent", "int", "join", "last", "length", "list", "lower",
                    "items", "map",
            "min", "max", "pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort",
                    "string",
            "striptags", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr", "tojson");

    private final Map<String, Filter> texts;
    private final Map<String, Filter> numbers;
    private final Map<String, Filter> sequences;
    private final Map<String, Filter> selections;

    Filters(Interpreter interpreter) {
        texts = new TextFilters(interpreter).filters();
        numbers = new NumberFilters(interpreter).filters();
        sequences = new SequenceFilters(interpreter).filters();
        selections = new SelectionFilters(interpreter).filters();
    }

    static boolean isKnown(String name) {
        return NAMES.contains(name);
    }

    Object apply(String name, Object value, Arguments arguments) {
        if (REFUSED.contains(name)) {
            throw TemplateException.unsupported("the filter " + name);
        }
        for (Map<String, Filter> filters : List.of(texts, numbers, sequences, selections)) {
            Filter filter = filters.get(name);
            if (filter != null) {
                return filter.apply(value, arguments);
            }
        }
        throw new TemplateException("No filter named '%s'.".formatted(Text.shortened(name)));
    }

    /** Binds the parameters of a filter after its input. */
    static Object[] bind(String name, Arguments arguments, int required, String... parameters) {
        return arguments.bind(name, required, parameters);
    }

    static Object or(Object given, Object otherwise) {
        return given == Arguments.MISSING ? otherwise : given;
    }
}
