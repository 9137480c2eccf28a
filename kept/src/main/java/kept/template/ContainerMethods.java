package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** Methods of lists, tuples, dictionaries and ranges; {@link Frame#MISSING} for unknown names. */
final class ContainerMethods {
    private ContainerMethods() {}

    static Object ofList(PyList list, String name) {
        return name.equals("copy") ? new Function(name, (arguments, interpreter) -> {
            arguments.positional(name, 0, 0);
            interpreter.budget().items(list.items().size());
            return new PyList(new ArrayList<>(list.items()));
        }) : ofSequence(list, name);
    }

    static Object ofTuple(PyTuple tuple, String name) {
        if (tuple.names() && (name.equals("grouper") || name.equals("list"))) {
            return tuple.items().get(name.equals("grouper") ? 0 : 1);
        }
        return ofSequence(tuple, name);
    }

    private static Object ofSequence(Sequence sequence, String name) {
        return switch (name) {
            case "count" -> new Function(name, (arguments, interpreter) -> {
                Object wanted = arguments.positional(name, 1, 1).getFirst();
                return Numbers.of(sequence.items().stream().filter(item -> interpreter.values().areEqual(item, wanted)).count());
            });
            case "index" -> new Function(name, (arguments, interpreter) -> index(sequence.items(), arguments.positional(name, 1, 3), interpreter));
            default -> Frame.MISSING;
        };
    }

    private static Object index(List<Object> items, List<Object> arguments, Interpreter interpreter) {
        Slicing within = Slicing.of(arguments.size() > 1 ? arguments.get(1) : null, arguments.size() > 2 ? arguments.get(2) : null, null,
                items.size());
        for (int i = within.from(); i < within.to(); i++) {
            if (interpreter.values().areEqual(items.get(i), arguments.getFirst())) {
                return Numbers.of(i);
            }
        }
        throw new TemplateException("value is not in list");
    }

    static Object ofDict(PyDict dict, String name) {
        return switch (name) {
            case "keys" -> view(dict, DictView.Kind.KEYS, name);
            case "values" -> view(dict, DictView.Kind.VALUES, name);
            case "items" -> view(dict, DictView.Kind.ITEMS, name);
            case "get" -> new Function(name, (arguments, interpreter) -> {
                List<Object> given = arguments.positional(name, 1, 2);
                PyDict.Entry entry = dict.entry(given.getFirst(), interpreter.budget());
                return entry != null ? entry.value() : given.size() > 1 ? given.get(1) : null;
            });
            case "copy" -> new Function(name, (arguments, interpreter) -> {
                arguments.positional(name, 0, 0);
                interpreter.budget().items(dict.size());
                var copy = new PyDict();
                copy.putAll(dict);
                return copy;
            });
            case "fromkeys" -> new Function(name, (arguments, interpreter) -> {
                List<Object> given = arguments.positional(name, 1, 2);
                var made = new PyDict();
                interpreter.values().list(given.getFirst()).forEach(key ->
                    made.put(key, given.size() > 1 ? given.get(1) : null, interpreter.budget()));
                return made;
            });
            default -> Frame.MISSING;
        };
    }

    private static Function view(PyDict dict, DictView.Kind kind, String name) {
        return new Function(name, (arguments, interpreter) -> {
            arguments.positional(name, 0, 0);
            interpreter.budget().work(dict.size());
            return new DictView(kind, dict);
        });
    }

    static Object ofView(DictView view, String name) {
        if (name.equals("isdisjoint") && view.kind() != DictView.Kind.VALUES) {
            return new Function(name, (arguments, interpreter) -> interpreter.values().list(arguments.positional(name, 1, 1).getFirst()).stream()
                    .noneMatch(item -> interpreter.values().contains(view, item)));
        }
        if (name.equals("mapping")) {
            throw TemplateException.unsupported("the attribute mapping of " + Types.name(view));
        }
        return Frame.MISSING;
    }

    static Object ofRange(Range range, String name) {
        return switch (name) {
            case "start" -> range.start();
            case "stop" -> range.stop();
            case "step" -> range.step();
            case "count" -> new Function(name, (arguments, interpreter) ->
                range.contains(arguments.positional(name, 1, 1).getFirst(), interpreter.budget()) ? BigInteger.ONE : BigInteger.ZERO);
            case "index" -> new Function(name, (arguments, interpreter) -> {
                Object wanted = arguments.positional(name, 1, 1).getFirst();
                if (!Numbers.isNumber(wanted) || !range.contains(wanted, interpreter.budget())) {
                    throw new TemplateException("value is not in range");
                }
                BigInteger number = wanted instanceof Double real ? Numbers.truncate(real) : Numbers.integer(wanted);
                return number.subtract(range.start()).divide(range.step());
            });
            default -> Frame.MISSING;
        };
    }
}
