package kept.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A Jinja2 template with the extensions of transformers' chat templates. Thread-safe. */
public final class Template {
    private static final int DEEPEST = 200;

    private final Compilation compilation;

    private Template(Compilation compilation) {
        this.compilation = compilation;
    }

    /**
     * Parses a template.
     *
     * @param source its text
     * @return the template
     * @throws TemplateException if Jinja2 would not compile it, or it uses an unsupported feature
     */
    public static Template parse(String source) {
        if (source.length() > TemplateLimits.DEFAULT.sourceLength()) {
            throw new TemplateException("the template has more than %,d characters, the limit".formatted(TemplateLimits.DEFAULT.sourceLength()));
        }
        return new Template(Compilation.of(Parser.parse(source)));
    }

    /**
     * Renders the template.
     *
     * @param variables its variables: null, strings, booleans, numbers, lists, and maps with string keys
     * @param limits limits on its work and output
     * @param clock the current time for {@code strftime_now}
     * @return the text
     * @throws TemplateException if Jinja2 would fail, a feature is not supported, a limit is reached, or the template raises an error
     */
    public String render(Map<String, ?> variables, TemplateLimits limits, Supplier<LocalDateTime> clock) {
        Map<String, Object> given = Globals.all();
        variables.forEach((name, value) -> given.put(name, value(value, name, 0)));
        return new Interpreter(compilation, new Budget(limits), clock).render(given);
    }

    private static Object value(Object value, String name, int depth) {
        if (depth > DEEPEST) {
            throw new TemplateException("the variable %s is nested more than %d deep, the limit".formatted(name, DEEPEST));
        }
        return switch (value) {
            case null -> null;
            case String text -> text(text, name);
            case Boolean truth -> truth;
            case BigInteger number -> number;
            case Integer number -> BigInteger.valueOf(number);
            case Long number -> BigInteger.valueOf(number);
            case Double number -> number;
            case Float number -> (double) number;
            case BigDecimal number -> number.doubleValue();
            case List<?> list -> {
                var items = new ArrayList<>(list.size());
                list.forEach(item -> items.add(value(item, name, depth + 1)));
                yield new PyList(items);
            }
            case Map<?, ?> map -> {
                var dict = new PyDict();
                map.forEach((key, item) -> dict.put(text((String) key, name), value(item, name, depth + 1)));
                yield dict;
            }
            default -> throw new TemplateException("the variable %s holds a %s, which templates do not know".formatted(name,
                    value.getClass().getName()));
        };
    }

    private static String text(String text, String name) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (!Character.isSurrogatePair(text.charAt(i), i + 1 < text.length() ? text.charAt(i + 1) : 0)) {
                    throw new TemplateException("the variable %s holds half of a surrogate pair, which is no character".formatted(name));
                }
                i++;
            }
        }
        return text;
    }
}
