package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Writes JSON as Python's {@code json.dumps} does. */
final class Json {
    private final Interpreter interpreter;
    private final boolean ascii;
    private final String indent;
    private final String itemSeparator;
    private final String keySeparator;
    private final boolean sorted;
    private final StringBuilder text = new StringBuilder();

    private Json(Interpreter interpreter, boolean ascii, String indent, String itemSeparator, String keySeparator, boolean sorted) {
        this.interpreter = interpreter;
        this.ascii = ascii;
        this.indent = indent;
        this.itemSeparator = itemSeparator;
        this.keySeparator = keySeparator;
        this.sorted = sorted;
    }

    /** The filter tojson with the parameters of transformers. */
    static String filter(Object value, Arguments arguments, Interpreter interpreter) {
        Object[] given = arguments.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        boolean ascii = given[0] != Arguments.MISSING && interpreter.values().isTrue(given[0]);
        boolean sorted = given[3] != Arguments.MISSING && interpreter.values().isTrue(given[3]);
        String indent = given[1] == Arguments.MISSING || given[1] == null ? null : indent(given[1], interpreter.budget());
        String item = indent == null ? ", " : ",";
        String key = ": ";
        if (given[2] != Arguments.MISSING && given[2] != null) {
            List<Object> parts = interpreter.values().list(given[2]);
            if (parts.size() != 2 || !Types.isText(parts.get(0)) || !Types.isText(parts.get(1))) {
                throw new TemplateException("tojson: separators must be two strings");
            }
            item = Types.text(parts.get(0));
            key = Types.text(parts.get(1));
        }
        var json = new Json(interpreter, ascii, indent, item, key, sorted);
        json.write(value, 0);
        return json.text.toString();
    }

    private static String indent(Object value, Budget budget) {
        if (Types.isText(value)) {
            return Types.text(value);
        }
        int width = Math.max(0, Numbers.index(value, "tojson: indent"));
        budget.text(width);
        return " ".repeat(width);
    }

    private void append(String string) {
        interpreter.budget().text(string.length());
        text.append(string);
    }

    private void write(Object value, int depth) {
        if (Text.isTooDeep(depth)) {
            throw Text.tooDeep("tojson of");
        }
        interpreter.budget().work(1);
        switch (value) {
            case null -> append("null");
            case Boolean truth -> append(truth ? "true" : "false");
            case BigInteger number -> append(Numbers.write(number, Numbers.DECIMAL, interpreter.budget()));
            case Double number -> append(number(number));
            case String string -> append(quote(string, ascii));
            case Markup markup -> append(quote(markup.text(), ascii));
            case Sequence sequence -> {
                var items = new ArrayList<Runnable>();
                sequence.items().forEach(item -> items.add(() -> write(item, depth + 1)));
                enclose("[", items, "]", depth);
            }
            case PyDict dict -> enclose("{", fields(dict, depth), "}", depth);
            default -> throw new TemplateException("Object of type %s is not JSON serializable".formatted(Types.name(value)));
        }
    }

    private List<Runnable> fields(PyDict dict, int depth) {
        List<PyDict.Entry> entries = new ArrayList<>(dict.entries());
        if (sorted) {
            entries.sort((left, right) -> interpreter.values().order().compare(left.key(), right.key()));
        }
        var fields = new ArrayList<Runnable>();
        for (PyDict.Entry entry : entries) {
            fields.add(() -> {
                append(quote(key(entry.key()), ascii));
                append(keySeparator);
                write(entry.value(), depth + 1);
            });
        }
        return fields;
    }

    private String key(Object key) {
        return switch (key) {
            case null -> "null";
            case String string -> string;
            case Markup markup -> markup.text();
            case Boolean truth -> truth ? "true" : "false";
            case BigInteger number -> Numbers.write(number, Numbers.DECIMAL, interpreter.budget());
            case Double number -> number(number);
            default -> throw new TemplateException("keys must be str, int, float, bool or None, not " + Types.name(key));
        };
    }

    private void enclose(String open, List<Runnable> items, String close, int depth) {
        append(open);
        for (int i = 0; i < items.size(); i++) {
            if (i > 0) {
                append(itemSeparator);
            }
            line(depth + 1);
            items.get(i).run();
        }
        if (!items.isEmpty()) {
            line(depth);
        }
        append(close);
    }

    private void line(int depth) {
        if (indent != null) {
            interpreter.budget().text((long) indent.length() * depth);
            text.append('\n').append(indent.repeat(depth));
        }
    }

    private static String number(double number) {
        return Double.isNaN(number) ? "NaN" : Double.isInfinite(number) ? number > 0 ? "Infinity" : "-Infinity" : Numbers.repr(number);
    }

    private static String quote(String string, boolean ascii) {
        var quoted = new StringBuilder(string.length() + 2).append('"');
        for (int i = 0; i < string.length(); i++) {
            char sign = string.charAt(i);
            switch (sign) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\f' -> quoted.append("\\f");
                case '\b' -> quoted.append("\\b");
                default -> {
                    if (sign < ' ' || ascii && sign > '~') {
                        quoted.append("\\u").append(HexFormat.of().toHexDigits(sign));
                    } else {
                        quoted.append(sign);
                    }
                }
            }
        }
        return quoted.append('"').toString();
    }

    /** Escapes a repr as {@code ascii()} does. */
    static String ascii(String repr) {
        var text = new StringBuilder();
        repr.codePoints().forEach(sign -> {
            if (sign < 128) {
                text.append((char) sign);
            } else {
                text.append(sign < 0x100 ? "\\x%02x".formatted(sign) : sign < 0x10000 ? "\\u%04x".formatted(sign) : "\\U%08x".formatted(sign));
            }
        });
        return text.toString();
    }
}
