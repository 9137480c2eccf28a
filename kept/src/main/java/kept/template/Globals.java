package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Functions available to every template. */
final class Globals {
    private Globals() {}

    static Map<String, Object> all() {
        Map<String, Object> all = new HashMap<>();
        add(all, "range", Globals::range);
        add(all, "dict", Globals::dict);
        add(all, "namespace", (arguments, interpreter) -> {
            var namespace = new Namespace();
            for (PyDict.Entry entry : dict(arguments, interpreter).entries()) {
                if (!(entry.key() instanceof String name)) {
                    throw TemplateException.unsupported("a namespace with names that are no strings");
                }
                namespace.attributes().put(name, entry.value());
            }
            return namespace;
        });
        add(all, "cycler", (arguments, _) -> new Cycler(arguments.positional("cycler", 0, Integer.MAX_VALUE)));
        add(all, "joiner", Globals::joiner);
        add(all, "lipsum", (_, _) -> {
            throw TemplateException.unsupported("lipsum, which is random,");
        });
        add(all, "raise_exception", (arguments, interpreter) -> {
            throw new TemplateException(interpreter.text().string(arguments.bind("raise_exception", 1, "message")[0]), 0, true);
        });
        add(all, "strftime_now", (arguments, interpreter) -> {
            String format = Types.text(arguments.bind("strftime_now", 1, "format")[0]);
            if (format == null) {
                throw new TemplateException("strftime_now takes a str");
            }
            return Dates.format(format, interpreter.now(), interpreter.budget());
        });
        return all;
    }

    private static void add(Map<String, Object> all, String name, Callable body) {
        all.put(name, new Function(name, body));
    }

    private static Object range(Arguments arguments, Interpreter interpreter) {
        List<Object> given = arguments.positional("range", 1, 3);
        var numbers = new ArrayList<BigInteger>();
        for (Object number : given) {
            if (number instanceof Undefined undefined) {
                throw undefined.failure();
            }
            if (!Numbers.isInteger(number)) {
                throw new TemplateException("range: '%s' object cannot be interpreted as an integer".formatted(Types.name(number)));
            }
            numbers.add(Numbers.integer(number));
        }
        return given.size() == 1 ? Range.of(BigInteger.ZERO, numbers.get(0), BigInteger.ONE)
                : Range.of(numbers.get(0), numbers.get(1), given.size() > 2 ? numbers.get(2) : BigInteger.ONE);
    }

    private static PyDict dict(Arguments arguments, Interpreter interpreter) {
        var dict = new PyDict();
        for (Object value : new Arguments(arguments.positional(), Map.of()).positional("dict", 0, 1)) {
            if (value instanceof PyDict other) {
                interpreter.budget().items(other.size());
                dict.putAll(other);
            } else {
                for (Object pair : interpreter.values().list(value)) {
                    List<Object> parts = interpreter.values().list(pair);
                    if (parts.size() != 2) {
                        throw new TemplateException("dictionary update sequence element has length %d; 2 is required".formatted(parts.size()));
                    }
                    dict.put(parts.get(0), parts.get(1), interpreter.budget());
                }
            }
        }
        interpreter.budget().items(arguments.named().size());
        arguments.named().forEach((name, value) -> dict.put(name, value, interpreter.budget()));
        return dict;
    }

    private static Object joiner(Arguments arguments, Interpreter interpreter) {
        Object separator = Filters.or(arguments.bind("joiner", 0, "sep")[0], ", ");
        boolean[] used = {false};
        return new Function("joiner", (given, _) -> {
            given.positional("joiner", 0, 0);
            Object between = used[0] ? separator : "";
            used[0] = true;
            return between;
        });
    }
}
