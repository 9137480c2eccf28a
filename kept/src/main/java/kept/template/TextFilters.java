package kept.template;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Filters that return strings. */
final class TextFilters {
    private static final String TITLE_BREAKS = "-({[<";
    private static final String KEPT_IN_URLS = "_.-~";
    private static final int MAX_LINE_LENGTH = 80;
    private static final HexFormat UPPER = HexFormat.of().withUpperCase();

    private final Interpreter interpreter;
    private final Map<String, Filters.Filter> filters = new HashMap<>();

    TextFilters(Interpreter interpreter) {
        this.interpreter = interpreter;
        for (String name : List.of("upper", "lower", "capitalize")) {
            filters.put(name, (value, arguments) -> method(value, name, noneOf(name, arguments)));
        }
        filters.put("title", (value, arguments) -> title(string(value, noneOf("title", arguments))));
        filters.put("center", (value, arguments) ->
            method(value, "center", only(Filters.or(arguments.bind("center", 0, "width")[0], Numbers.of(80)))));
        filters.put("trim", (value, arguments) -> {
            Object signs = Filters.or(arguments.bind("trim", 0, "chars")[0], null);
            return method(value, "strip", signs == null ? Arguments.NONE : only(signs));
        });
        filters.put("string", (value, arguments) -> value instanceof Markup ? value : string(value, noneOf("string", arguments)));
        filters.put("safe", (value, arguments) -> value instanceof Markup ? value : new Markup(string(value, noneOf("safe", arguments))));
        filters.put("e", (value, arguments) -> Markup.escape(value, text(noneOf("escape", arguments))));
        filters.put("escape", filters.get("e"));
        filters.put("forceescape", (value, arguments) -> Markup.escape(string(value, noneOf("forceescape", arguments)), interpreter.text()));
        filters.put("replace", this::replace);
        filters.put("format", this::format);
        filters.put("indent", this::indent);
        filters.put("truncate", this::truncate);
        filters.put("wordcount", (value, arguments) -> Numbers.of(words(string(value, noneOf("wordcount", arguments)))));
        filters.put("striptags", (value, arguments) -> Html.withoutTags(string(value, noneOf("striptags", arguments)), interpreter));
        filters.put("urlencode", this::urlEncode);
        filters.put("xmlattr", this::attributes);
        filters.put("tojson", (value, arguments) -> Json.filter(value, arguments, interpreter));
        filters.put("pprint", this::prettyPrint);
        filters.put("join", this::join);
    }

    Map<String, Filters.Filter> filters() {
        return filters;
    }

    private static Arguments only(Object argument) {
        return new Arguments(Collections.singletonList(argument), Map.of());
    }

    private static Arguments noneOf(String name, Arguments arguments) {
        arguments.bind(name, 0);
        return arguments;
    }

    private Text text(Arguments checked) {
        return interpreter.text();
    }

    private String string(Object value, Arguments checked) {
        return interpreter.text().string(value);
    }

    private String string(Object value) {
        return interpreter.text().string(value);
    }

    /** Calls a string method of the value converted to a string. */
    private Object method(Object value, String name, Arguments arguments) {
        return StringMethods.bind(string(value), name, value instanceof Markup).call(arguments, interpreter);
    }

    private String made(String text) {
        interpreter.budget().text(text.length());
        return text;
    }

    private String title(String text) {
        var result = new StringBuilder();
        boolean begins = true;
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            String one = Character.toString(sign);
            i += one.length();
            boolean breaks = Characters.isSpace(sign) || TITLE_BREAKS.indexOf(sign) >= 0;
            if (!breaks && begins) {
                result.append(one.toUpperCase(Locale.ROOT));
            } else if (breaks) {
                result.append(one);
            } else {
                int end = i;
                while (end < text.length() && !Characters.isSpace(text.charAt(end)) && TITLE_BREAKS.indexOf(text.charAt(end)) < 0) {
                    end++;
                }
                result.append(Casing.lower(text.substring(i - one.length(), end), interpreter.budget()));
                i = end;
            }
            begins = breaks;
        }
        return made(result.toString());
    }

    private Object replace(Object value, Arguments arguments) {
        Object[] given = arguments.bind("replace", 2, "old", "new", "count");
        Object count = Filters.or(given[2], null);
        return StringMethods.replace(string(value), string(given[0]), string(given[1]), count == null ? -1 : Numbers.index(count, "replace"),
                interpreter.budget());
    }

    private Object format(Object value, Arguments arguments) {
        if (!arguments.positional().isEmpty() && !arguments.named().isEmpty()) {
            throw new TemplateException("can't handle positional and keyword arguments at the same time");
        }
        if (value instanceof Markup) {
            throw TemplateException.unsupported("format of a string that is marked safe");
        }
        Object values = arguments.named().isEmpty() ? new PyTuple(arguments.positional()) : PyDict.ofStrings(arguments.named());
        return PercentFormat.format(string(value), values, interpreter);
    }

    private Object indent(Object value, Arguments arguments) {
        Object[] given = arguments.bind("indent", 0, "width", "first", "blank");
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!Types.isText(value)) {
            throw new TemplateException("indent of a %s, not a str".formatted(Types.name(value)));
        }
        Object width = Filters.or(given[0], Numbers.of(4));
        String indent = Types.isText(width) ? Types.text(width) : spaces(Numbers.index(width, "indent"));
        boolean first = interpreter.values().isTrue(Filters.or(given[1], false));
        boolean blank = interpreter.values().isTrue(Filters.or(given[2], false));
        List<Object> lines = StringMethods.lines(Types.text(value) + "\n", false);
        interpreter.budget().text(Types.text(value).length() + (long) lines.size() * indent.length());
        interpreter.budget().items(lines.size());
        var result = new StringBuilder(first ? indent : "");
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            result.append(i > 0 ? "\n" : "").append(i > 0 && (blank || !line.isEmpty()) ? indent : "").append(line);
        }
        return value instanceof Markup ? new Markup(result.toString()) : result.toString();
    }

    private String spaces(int width) {
        interpreter.budget().text(Math.max(0, width));
        return " ".repeat(Math.max(0, width));
    }

    private Object truncate(Object value, Arguments arguments) {
        Object[] given = arguments.bind("truncate", 0, "length", "killwords", "end", "leeway");
        int length = Numbers.index(Filters.or(given[0], Numbers.of(255)), "truncate");
        String end = string(Filters.or(given[2], "..."));
        Object leeway = Filters.or(given[3], null);
        int more = leeway == null ? 5 : Numbers.index(leeway, "truncate");
        int kept = length - Characters.length(end);
        if (kept < 0 || more < 0) {
            throw new TemplateException("expected length >= %d and leeway >= 0".formatted(Characters.length(end)));
        }
        if (interpreter.values().length(value) <= (long) length + more) {
            return value;
        }
        if (!(value instanceof String text)) {
            throw TemplateException.unsupported("truncate of a " + Types.name(value));
        }
        String cut = Characters.slice(text, 0, kept);
        int space = interpreter.values().isTrue(Filters.or(given[1], false)) ? -1 : cut.lastIndexOf(' ');
        return made((space < 0 ? cut : cut.substring(0, space)) + end);
    }

    private long words(String text) {
        interpreter.budget().work(text.length());
        long words = 0;
        boolean inside = false;
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            i += Character.charCount(sign);
            boolean word = sign == '_' || CharacterTests.holds(Character.toString(sign), "isalnum");
            words += word && !inside ? 1 : 0;
            inside = word;
        }
        return words;
    }

    private Object urlEncode(Object value, Arguments arguments) {
        noneOf("urlencode", arguments);
        if (Types.isText(value) || !Values.isIterable(value)) {
            return made(quoted(string(value), true));
        }
        var parts = new ArrayList<String>();
        Iterator<Object> pairs = value instanceof PyDict dict ? new DictView(DictView.Kind.ITEMS, dict).iterator()
                : interpreter.values().iterator(value);
        while (pairs.hasNext()) {
            List<Object> pair = interpreter.values().list(pairs.next());
            if (pair.size() != 2) {
                throw new TemplateException("urlencode takes pairs of a name and a value");
            }
            parts.add(quoted(string(pair.get(0)), false) + "=" + quoted(string(pair.get(1)), false));
        }
        return made(String.join("&", parts));
    }

    private String quoted(String text, boolean path) {
        interpreter.budget().text(text.length() * 3L);
        var result = new StringBuilder();
        for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
            char sign = (char) (octet & 0xff);
            boolean kept = sign < 128 && (Character.isLetterOrDigit(sign) || KEPT_IN_URLS.indexOf(sign) >= 0 || path && sign == '/');
            if (kept) {
                result.append(sign);
            } else if (!path && sign == ' ') {
                result.append('+');
            } else {
                UPPER.toHexDigits(result.append('%'), octet);
            }
        }
        return result.toString();
    }

    private Object attributes(Object value, Arguments arguments) {
        Object[] given = arguments.bind("xmlattr", 0, "autospace");
        if (!(value instanceof PyDict dict)) {
            throw new TemplateException("xmlattr of a %s, not a dict".formatted(Types.name(value)));
        }
        var parts = new ArrayList<String>();
        for (PyDict.Entry entry : dict.entries()) {
            if (entry.value() == null || entry.value() instanceof Undefined) {
                continue;
            }
            String key = Types.text(entry.key());
            if (key == null || key.chars().anyMatch(sign -> sign <= ' ' && Characters.isSpace(sign) && sign < 0x1c || sign == ' '
                    || "/>=".indexOf(sign) >= 0)) {
                throw new TemplateException("Invalid character in attribute name");
            }
            parts.add(Markup.escape(entry.key(), interpreter.text()).text() + "=\"" + Markup.escape(entry.value(), interpreter.text()).text() + "\"");
        }
        boolean space = interpreter.values().isTrue(Filters.or(given[0], true)) && !parts.isEmpty();
        return made((space ? " " : "") + String.join(" ", parts));
    }

    /** Python's pprint for results that fit into 80 characters; longer ones, which Python would wrap, are not supported. */
    private Object prettyPrint(Object value, Arguments arguments) {
        noneOf("pprint", arguments);
        String text = interpreter.text().repr(sorted(value, 0));
        if (Characters.length(text) > MAX_LINE_LENGTH) {
            throw TemplateException.unsupported("pprint of what takes more than one line");
        }
        return text;
    }

    private Object sorted(Object value, int depth) {
        if (Text.isTooDeep(depth)) {
            throw Text.tooDeep("pprint of");
        }
        return switch (value) {
            case PyList list -> {
                interpreter.budget().items(list.items().size());
                var copy = new ArrayList<>();
                list.items().forEach(item -> copy.add(sorted(item, depth + 1)));
                yield new PyList(copy);
            }
            case PyDict dict -> {
                interpreter.budget().items(dict.size());
                var copy = new PyDict();
                dict.entries().stream().sorted((left, right) -> interpreter.values().order().compare(left.key(), right.key()))
                        .forEach(entry -> copy.put(entry.key(), sorted(entry.value(), depth + 1), interpreter.budget()));
                yield copy;
            }
            case null, default -> value;
        };
    }

    private Object join(Object value, Arguments arguments) {
        Object[] given = arguments.bind("join", 0, "d", "attribute");
        String separator = string(Filters.or(given[0], ""));
        List<Object> path = Attributes.path(Filters.or(given[1], null), interpreter.budget());
        var result = new StringBuilder();
        boolean first = true;
        for (Iterator<Object> rest = interpreter.values().iterator(value); rest.hasNext(); first = false) {
            interpreter.budget().work(1);
            String item = string(interpreter.evaluator().attributes().path(rest.next(), path, null));
            interpreter.budget().text((long) item.length() + separator.length());
            result.append(first ? "" : separator).append(item);
        }
        return result.toString();
    }
}
