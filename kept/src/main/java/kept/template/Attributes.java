package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Attributes, elements and slices, with the restrictions of the Jinja2 sandbox: no names starting with an underscore, no methods that modify a value.
 */
final class Attributes {
    private static final Set<String> CHANGES_LIST = Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> CHANGES_DICT = Set.of("clear", "pop", "popitem", "setdefault", "update");
    private static final Set<String> OF_INTEGERS = Set.of("as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
            "imag",
            "numerator", "real", "to_bytes");
    private static final Set<String> OF_FLOATS = Set.of("as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real");
    /** Attributes that undefined values have in Python; the sandbox returns an undefined value for them. */
    private static final Set<String> OF_UNDEFINED = Set.of("__class__", "__init__", "__str__", "__repr__", "__eq__", "__hash__", "__len__",
            "__iter__", "__bool__",
            "__call__", "__getitem__", "__doc__", "__module__");

    private final Interpreter interpreter;

    Attributes(Interpreter interpreter) {
        this.interpreter = interpreter;
    }

    /** {@code of.name}: an attribute, or else an element. */
    Object attribute(Object of, String name) {
        Object value = own(of, name);
        if (value == Frame.MISSING && of instanceof PyDict dict) {
            PyDict.Entry entry = dict.entry(name, interpreter.budget());
            value = entry == null ? Frame.MISSING : entry.value();
        }
        if (value == Frame.MISSING && of instanceof Blocks blocks) {
            value = blocks.byName().apply(name);
        }
        return value == Frame.MISSING ? Undefined.attribute(of, name) : value;
    }

    /** {@code of[key]}: an element, or else an attribute. */
    Object item(Object of, Object key) {
        if (of instanceof Undefined undefined) {
            throw undefined.failure();
        }
        Object value = element(of, key);
        if (value == Frame.MISSING && Types.isText(key)) {
            value = own(of, Types.text(key));
        }
        return value == Frame.MISSING ? Undefined.attribute(of, key) : value;
    }

    private Object element(Object of, Object key) {
        if (of instanceof PyDict dict) {
            boolean hashable = !(key instanceof PyList || key instanceof PyDict || key instanceof DictView);
            PyDict.Entry entry = hashable ? dict.entry(key, interpreter.budget()) : null;
            return entry == null ? Frame.MISSING : entry.value();
        }
        if (of instanceof Blocks blocks && key instanceof String name) {
            return blocks.byName().apply(name);
        }
        boolean indexed = of instanceof Sequence || Types.isText(of) || of instanceof Range;
        if (!indexed || !Numbers.isInteger(key)) {
            return Frame.MISSING;
        }
        int length = interpreter.values().length(of);
        BigInteger place = Numbers.integer(key);
        BigInteger index = place.signum() < 0 ? place.add(BigInteger.valueOf(length)) : place;
        if (index.signum() < 0 || index.compareTo(BigInteger.valueOf(length)) >= 0) {
            return Frame.MISSING;
        }
        int at = index.intValue();
        return switch (of) {
            case Sequence sequence -> sequence.items().get(at);
            case Range range -> range.get(at);
            case Markup markup -> new Markup(Characters.slice(markup.text(), at, at + 1));
            default -> Characters.slice((String) of, at, at + 1);
        };
    }

    /** An attribute defined by a value's type, or {@link Frame#MISSING}. */
    Object own(Object of, String name) {
        if (of instanceof Namespace namespace) {
            interpreter.budget().scan(name.length());
            Object value = namespace.attributes().getOrDefault(name, Frame.MISSING);
            return value != Frame.MISSING && name.startsWith("_") ? Undefined.unsafe(of, name) : value;
        }
        if (of instanceof Undefined undefined) {
            if (OF_UNDEFINED.contains(name)) {
                return Undefined.unsafe(of, name);
            }
            throw undefined.failure();
        }
        if (name.startsWith("_")) {
            return Frame.MISSING;
        }
        return switch (of) {
            case String text -> StringMethods.isKnown(name) ? StringMethods.bind(text, name, false) : Frame.MISSING;
            case Markup markup -> StringMethods.isKnown(name) || StringMethods.isOfMarkup(name) ? StringMethods.bind(markup.text(), name, true)
                    : Frame.MISSING;
            case PyList list -> CHANGES_LIST.contains(name) ? Undefined.unsafe(of, name) : ContainerMethods.ofList(list, name);
            case PyTuple tuple -> ContainerMethods.ofTuple(tuple, name);
            case PyDict dict -> CHANGES_DICT.contains(name) ? Undefined.unsafe(of, name) : ContainerMethods.ofDict(dict, name);
            case DictView view -> ContainerMethods.ofView(view, name);
            case Range range -> ContainerMethods.ofRange(range, name);
            case Loop loop -> loop.attribute(name);
            case Macro macro -> macro.attribute(name);
            case Cycler cycler -> cycler.attribute(name);
            case Boolean truth -> ofNumber(Numbers.integer(truth), name, OF_INTEGERS);
            case BigInteger number -> ofNumber(number, name, OF_INTEGERS);
            case Double number -> ofNumber(number, name, OF_FLOATS);
            case Lazy _ when Set.of("close", "send", "throw").contains(name) ->
                throw TemplateException.unsupported("the method %s of generators".formatted(name));
            case null, default -> Frame.MISSING;
        };
    }

    private static Object ofNumber(Object number, String name, Set<String> known) {
        if (!known.contains(name)) {
            return Frame.MISSING;
        }
        return switch (name) {
            case "real", "numerator" -> number;
            case "imag" -> number instanceof Double ? (Object) 0.0 : BigInteger.ZERO;
            case "denominator" -> BigInteger.ONE;
            case "conjugate" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                return number;
            });
            case "bit_length" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                return Numbers.of(((BigInteger) number).abs().bitLength());
            });
            case "bit_count" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                return Numbers.of(((BigInteger) number).abs().bitCount());
            });
            case "is_integer" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                double value = (Double) number;
                return value == Math.rint(value) && !Double.isInfinite(value);
            });
            default -> throw TemplateException.unsupported("the attribute %s of numbers".formatted(name));
        };
    }

    /** {@code of[from:to:step]}. */
    Object slice(Object of, Object from, Object to, Object step) {
        switch (of) {
            case Undefined undefined -> throw undefined.failure();
            case PyDict _ -> throw new TemplateException("unhashable type: 'slice'");
            case String text -> {
                return sliced(text, from, to, step);
            }
            case Markup markup -> {
                return new Markup(sliced(markup.text(), from, to, step));
            }
            case PyList list -> {
                return new PyList(sliced(list.items(), from, to, step));
            }
            case PyTuple tuple -> {
                return new PyTuple(sliced(tuple.items(), from, to, step));
            }
            case Range range -> {
                return range.slice(Slicing.of(from, to, step, range.length()));
            }
            case null, default -> throw new TemplateException("'%s' object is not subscriptable".formatted(Types.name(of)));
        }
    }

    private String sliced(String text, Object from, Object to, Object step) {
        int length = interpreter.values().length(text);
        Slicing slicing = Slicing.of(from, to, step, length);
        interpreter.budget().text(slicing.length());
        if (slicing.step() == 1) {
            return slicing.length() == 0 ? "" : Characters.slice(text, slicing.from(), slicing.to());
        }
        interpreter.budget().text(length);
        int[] signs = text.codePoints().toArray();
        var result = new StringBuilder(slicing.length());
        for (int i = 0, at = slicing.from(); i < slicing.length(); i++, at += slicing.step()) {
            result.appendCodePoint(signs[at]);
        }
        return result.toString();
    }

    private List<Object> sliced(List<Object> items, Object from, Object to, Object step) {
        Slicing slicing = Slicing.of(from, to, step, items.size());
        interpreter.budget().items(slicing.length());
        var result = new ArrayList<>(slicing.length());
        for (int i = 0, at = slicing.from(); i < slicing.length(); i++, at += slicing.step()) {
            result.add(items.get(at));
        }
        return result;
    }

    /** Resolves a dotted path, such as {@code function.name} in the {@code attribute} parameter of filters. */
    Object path(Object of, List<Object> path, Object otherwise) {
        Object value = of;
        interpreter.budget().work(path.size());
        for (Object part : path) {
            value = item(value, part);
            if (otherwise != null && value instanceof Undefined) {
                value = otherwise;
            }
        }
        return value;
    }

    /** The parts of a path; numbers are list indices. */
    static List<Object> path(Object attribute, Budget budget) {
        String text = Types.text(attribute);
        if (text == null) {
            return attribute == null ? List.of() : List.of(attribute);
        }
        budget.text(text.length());
        var parts = new ArrayList<>();
        for (String part : text.split("\\.", -1)) {
            boolean digits = !part.isEmpty() && part.codePoints().allMatch(Character::isDigit) && part.length() <= 9;
            parts.add(digits ? (Object) new BigInteger(part) : part);
        }
        return parts;
    }
}
