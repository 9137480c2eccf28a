package kept.template;

import java.math.BigInteger;
import java.util.Collection;
import java.util.function.Consumer;

/** Converts values to text as Python's {@code str} and {@code repr} do. */
final class Text {
    private static final int DEEPEST = 200;
    private static final int SHORT = 60;

    private final Budget budget;

    Text(Budget budget) {
        this.budget = budget;
    }

    Budget budget() {
        return budget;
    }

    /** {@code str(value)}. */
    String string(Object value) {
        return switch (value) {
            case String text -> text;
            case Markup markup -> markup.text();
            case Undefined _ -> "";
            case null, default -> repr(value);
        };
    }

    /** {@code repr(value)}. */
    String repr(Object value) {
        var text = new StringBuilder();
        repr(value, text, 0);
        return text.toString();
    }

    private void repr(Object value, StringBuilder text, int depth) {
        int before = text.length();
        switch (value) {
            case null -> text.append("None");
            case Boolean truth -> text.append(truth ? "True" : "False");
            case BigInteger number -> {
                text.append(Numbers.write(number, Numbers.DECIMAL, budget));
            }
            case Double number -> text.append(Numbers.repr(number));
            case String string -> {
                budget.text(string.length());
                text.append(quote(string));
            }
            case Markup markup -> text.append("Markup(").append(quote(markup.text())).append(')');
            case Undefined _ -> text.append("Undefined");
            case PyList list -> items("[", list.items(), "]", text, depth);
            case PyTuple tuple -> items("(", tuple.items(), tuple.items().size() == 1 ? ",)" : ")", text, depth);
            case PyDict dict -> dict(dict, text, depth);
            case DictView view -> items(Types.name(view) + "([", view.items(), "])", text, depth);
            case Range range -> text.append("range(").append(range.start()).append(", ").append(range.stop())
                    .append(range.step().equals(BigInteger.ONE) ? "" : ", " + range.step()).append(')');
            case Namespace namespace -> {
                text.append("<Namespace ");
                dict(PyDict.ofStrings(namespace.attributes()), text, depth);
                text.append('>');
            }
            case Macro macro -> text.append(macro.name() == null ? "<Macro anonymous>" : "<Macro " + quote(macro.name()) + ">");
            case Loop loop -> text.append("<LoopContext ").append(loop.index()).append('/').append(loop.length()).append('>');
            default -> throw TemplateException.unsupported("printing a %s, whose text in Python is an address,".formatted(Types.name(value)));
        }
        budget.text(text.length() - before);
    }

    private void items(String open, Collection<?> items, String close, StringBuilder text, int depth) {
        join(open, items, close, text, depth, item -> repr(item, text, depth + 1));
    }

    private void dict(PyDict dict, StringBuilder text, int depth) {
        join("{", dict.entries(), "}", text, depth, entry -> {
            repr(entry.key(), text, depth + 1);
            text.append(": ");
            repr(entry.value(), text, depth + 1);
        });
    }

    private <T> void join(String open, Collection<? extends T> items, String close, StringBuilder text, int depth, Consumer<T> one) {
        if (depth > DEEPEST) {
            throw tooDeep("printing");
        }
        text.append(open);
        boolean first = true;
        for (T item : items) {
            text.append(first ? "" : ", ");
            first = false;
            one.accept(item);
        }
        text.append(close);
    }

    static TemplateException tooDeep(String what) {
        return TemplateException.unsupported("%s values nested more than %d deep".formatted(what, DEEPEST));
    }

    static boolean isTooDeep(int depth) {
        return depth > DEEPEST;
    }

    /** Quotes a string as {@code repr} does. */
    static String quote(String string) {
        char quote = string.indexOf('\'') >= 0 && string.indexOf('"') < 0 ? '"' : '\'';
        var text = new StringBuilder(string.length() + 2).append(quote);
        for (int i = 0; i < string.length();) {
            int sign = string.codePointAt(i);
            i += Character.charCount(sign);
            switch (sign) {
                case '\n' -> text.append("\\n");
                case '\r' -> text.append("\\r");
                case '\t' -> text.append("\\t");
                case '\\' -> text.append("\\\\");
                default -> {
                    if (sign == quote) {
                        text.append('\\').append(quote);
                    } else if (Characters.isPrintable(sign)) {
                        text.appendCodePoint(sign);
                    } else {
                        text.append(sign < 0x100 ? "\\x%02x".formatted(sign) : sign < 0x10000 ? "\\u%04x".formatted(sign)
                                : "\\U%08x".formatted(sign));
                    }
                }
            }
        }
        return text.append(quote).toString();
    }

    /** Shortens a text for a message. */
    static String shortened(String text) {
        return text.length() <= SHORT ? text : text.substring(0, SHORT) + "...";
    }
}
