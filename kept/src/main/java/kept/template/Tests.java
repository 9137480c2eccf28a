package kept.template;

import java.util.Map;
import java.util.Set;

/** The tests, by name, which follow {@code is}. */
final class Tests {
    private static final Set<String> ALONE = Set.of("odd", "even", "defined", "undefined", "filter", "test", "none", "boolean", "false", "true",
            "integer",
            "float", "lower", "upper", "string", "mapping", "number", "sequence", "iterable", "callable", "escaped");
    private static final Map<String, String> COMPARISONS = Map.ofEntries(Map.entry("==", "=="), Map.entry("eq", "=="), Map.entry("equalto", "=="),
            Map.entry("!=", "!="), Map.entry("ne", "!="), Map.entry(">", ">"), Map.entry("gt", ">"), Map.entry("greaterthan", ">"), Map.entry(">=",
                    ">="),
            Map.entry("ge", ">="), Map.entry("<", "<"), Map.entry("lt", "<"), Map.entry("lessthan", "<"), Map.entry("<=", "<="), Map.entry("le",
                    "<="),
            Map.entry("in", "in"));

    private final Interpreter interpreter;

    Tests(Interpreter interpreter) {
        this.interpreter = interpreter;
    }

    static boolean isKnown(String name) {
        return ALONE.contains(name) || COMPARISONS.containsKey(name) || name.equals("divisibleby") || name.equals("sameas");
    }

    boolean apply(String name, Object value, Arguments arguments) {
        if (Types.isText(value)) {
            interpreter.budget().scan(Types.text(value).length());
        }
        if (ALONE.contains(name)) {
            arguments.bind(name, 0);
            return holds(name, value);
        }
        if (COMPARISONS.containsKey(name)) {
            Object other = name.equals("in") ? arguments.bind(name, 1, "seq")[0] : arguments.positional(name, 1, 1).getFirst();
            return interpreter.evaluator().arithmetic().holds(COMPARISONS.get(name), value, other);
        }
        return switch (name) {
            case "divisibleby" -> isMultiple(value, arguments.bind(name, 1, "num")[0], Numbers.of(0));
            case "sameas" -> interpreter.values().areSame(value, arguments.bind(name, 1, "other")[0]);
            default -> throw new TemplateException("No test named '%s'.".formatted(Text.shortened(name)));
        };
    }

    private boolean isMultiple(Object value, Object of, Object rest) {
        return interpreter.values().areEqual(interpreter.evaluator().arithmetic().apply("%", value, of), rest);
    }

    private boolean holds(String name, Object value) {
        return switch (name) {
            case "odd" -> isMultiple(value, Numbers.of(2), Numbers.of(1));
            case "even" -> isMultiple(value, Numbers.of(2), Numbers.of(0));
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "filter" -> Types.isText(named(value)) && Filters.isKnown(Types.text(value));
            case "test" -> Types.isText(named(value)) && isKnown(Types.text(value));
            case "none" -> value == null;
            case "boolean" -> value instanceof Boolean;
            case "false" -> Boolean.FALSE.equals(value);
            case "true" -> Boolean.TRUE.equals(value);
            case "integer" -> Numbers.isInteger(value) && !(value instanceof Boolean);
            case "float" -> value instanceof Double;
            case "lower" -> CharacterTests.holds(interpreter.text().string(value), "islower");
            case "upper" -> CharacterTests.holds(interpreter.text().string(value), "isupper");
            case "string" -> Types.isText(value);
            case "mapping" -> value instanceof PyDict;
            case "number" -> Numbers.isNumber(value);
            case "sequence" -> value instanceof Sequence || Types.isText(value) || value instanceof PyDict || value instanceof Range
                    || value instanceof Undefined;
            case "iterable" -> Values.isIterable(value);
            case "callable" -> value instanceof Callable || value instanceof Undefined;
            default -> value instanceof Markup;
        };
    }

    /** Checks that the name of a filter or test is a string. */
    private Object named(Object value) {
        PyDict.hashable(value, interpreter.budget());
        return value;
    }
}
