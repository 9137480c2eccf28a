package kept.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/** Methods of strings. */
final class StringMethods {
    private static final Set<String> KNOWN = Set.of("capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format",
            "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
                    "isspace",
            "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix", "removesuffix", "replace", "rfind",
                    "rindex",
            "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper",
                    "zfill");
    private static final Set<String> OF_MARKUP = Set.of("escape", "unescape", "striptags");
    /** Methods of safe strings that escape their second argument. */
    private static final Set<String> ESCAPE_SECOND = Set.of("replace", "ljust", "rjust", "center");
    /** Methods of safe strings whose results are safe. */
    private static final Set<String> KEEP_MARKUP = Set.of("capitalize", "casefold", "center", "expandtabs", "join", "ljust", "lower", "lstrip",
            "partition",
            "removeprefix", "removesuffix", "replace", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "strip", "swapcase",
                    "title", "upper",
            "zfill");
    private static final Set<String> REFUSED_FOR_MARKUP = Set.of("format", "format_map", "escape", "unescape", "join");

    private final String text;
    private final String name;
    private final Interpreter interpreter;
    private final Budget budget;

    private StringMethods(String text, String name, Interpreter interpreter) {
        this.text = text;
        this.name = name;
        this.interpreter = interpreter;
        budget = interpreter.budget();
    }

    static boolean isKnown(String name) {
        return KNOWN.contains(name);
    }

    static boolean isOfMarkup(String name) {
        return OF_MARKUP.contains(name);
    }

    /** Binds a method to a string. */
    static Function bind(String text, String name, boolean markup) {
        return new Function(name, (arguments, interpreter) -> {
            if (!markup) {
                return new StringMethods(text, name, interpreter).call(arguments);
            }
            if (REFUSED_FOR_MARKUP.contains(name)) {
                throw TemplateException.unsupported("the method %s of a string that is marked safe".formatted(name));
            }
            if (name.equals("striptags")) {
                return Html.withoutTags(text, interpreter);
            }
            Arguments given = ESCAPE_SECOND.contains(name) ? escaped(arguments, interpreter) : arguments;
            Object result = new StringMethods(text, name, interpreter).call(given);
            return KEEP_MARKUP.contains(name) ? marked(result) : result;
        });
    }

    private static Arguments escaped(Arguments arguments, Interpreter interpreter) {
        var positional = new ArrayList<>(arguments.positional());
        if (positional.size() > 1 && positional.get(1) instanceof String other) {
            positional.set(1, Markup.escape(other, interpreter.text()));
        }
        return new Arguments(positional, arguments.named());
    }

    private static Object marked(Object result) {
        return switch (result) {
            case String string -> new Markup(string);
            case PyList list -> new PyList(new ArrayList<>(list.items().stream().map(StringMethods::marked).toList()));
            case PyTuple tuple -> new PyTuple(new ArrayList<>(tuple.items().stream().map(StringMethods::marked).toList()));
            default -> result;
        };
    }

    private Object call(Arguments arguments) {
        budget.scan((long) text.length() * 2);
        return switch (name) {
            case "capitalize", "casefold", "lower", "upper", "swapcase", "title" -> none(arguments, Casing.apply(text, name, budget));
            case "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
                    "isupper" -> none(arguments, CharacterTests.holds(text, name));
            case "strip", "lstrip", "rstrip" -> strip(arguments.positional(name, 0, 1));
            case "split", "rsplit" -> split(arguments.bind(name, 0, "sep", "maxsplit"));
            case "splitlines" -> splitLines(arguments.bind(name, 0, "keepends"));
            case "startswith", "endswith" -> startsOrEnds(arguments.positional(name, 1, 3));
            case "find", "index", "rfind", "rindex" -> find(arguments.positional(name, 1, 3));
            case "count" -> count(arguments.positional(name, 1, 3));
            case "replace" -> {
                List<Object> given = arguments.positional(name, 2, 3);
                yield replace(text, string(given.get(0)), string(given.get(1)), given.size() > 2 ? Numbers.index(given.get(2), name) : -1, budget);
            }
            case "removeprefix" -> {
                String part = string(arguments.positional(name, 1, 1).getFirst());
                yield text.startsWith(part) ? text.substring(part.length()) : text;
            }
            case "removesuffix" -> {
                String part = string(arguments.positional(name, 1, 1).getFirst());
                yield !part.isEmpty() && text.endsWith(part) ? text.substring(0, text.length() - part.length()) : text;
            }
            case "partition", "rpartition" -> partition(string(arguments.positional(name, 1, 1).getFirst()));
            case "join" -> join(text, arguments.positional(name, 1, 1).getFirst());
            case "center", "ljust", "rjust" -> pad(arguments.positional(name, 1, 2));
            case "zfill" -> zeros(Numbers.index(arguments.positional(name, 1, 1).getFirst(), name));
            case "expandtabs" -> expandTabs(arguments.bind(name, 0, "tabsize"));
            case "format" -> BraceFormat.format(text, arguments, interpreter);
            case "format_map" -> BraceFormat.formatMap(text, arguments.positional(name, 1, 1).getFirst(), interpreter);
            default -> throw TemplateException.unsupported("the method %s of strings".formatted(name));
        };
    }

    private Object none(Arguments arguments, Object value) {
        arguments.positional(name, 0, 0);
        return value;
    }

    private String string(Object value) {
        String string = Types.text(value);
        if (string == null) {
            throw new TemplateException("%s() argument must be str, not %s".formatted(name, Types.name(value)));
        }
        return string;
    }

    private String made(String result) {
        budget.text(result.length());
        return result;
    }

    private String strip(List<Object> arguments) {
        String signs = arguments.isEmpty() || arguments.getFirst() == null ? null : string(arguments.getFirst());
        return made(strip(text, signs, !name.equals("rstrip"), !name.equals("lstrip"), budget));
    }

    /** Strips a set of characters from the ends, white space if the set is null. */
    static String strip(String text, String signs, boolean leading, boolean trailing, Budget budget) {
        IntPredicate goes = Characters::isSpace;
        if (signs != null) {
            budget.scan(signs.length() * 4L);
            Set<Integer> set = new HashSet<>(signs.codePoints().boxed().toList());
            goes = set::contains;
        }
        int begin = 0;
        int end = text.length();
        while (leading && begin < end && goes.test(text.codePointAt(begin))) {
            begin += Character.charCount(text.codePointAt(begin));
        }
        while (trailing && end > begin && goes.test(text.codePointBefore(end))) {
            end -= Character.charCount(text.codePointBefore(end));
        }
        return text.substring(begin, end);
    }

    private Object split(Object... arguments) {
        int most = arguments[1] == Arguments.MISSING ? -1 : Numbers.index(arguments[1], name);
        boolean right = name.equals("rsplit");
        boolean spaces = arguments[0] == Arguments.MISSING || arguments[0] == null;
        List<Object> parts = spaces ? splitSpaces(most, right) : splitAt(string(arguments[0]), most, right);
        budget.items(parts.size());
        budget.text(text.length());
        return new PyList(parts);
    }

    /** Splits at white space; when the maximum number of splits is reached, the remainder keeps the white space at its far end. */
    private List<Object> splitSpaces(int most, boolean right) {
        var parts = new ArrayList<>();
        if (right) {
            for (int end = spacesBefore(text.length()); end > 0;) {
                int begin = parts.size() == most ? 0 : wordBefore(end);
                parts.add(text.substring(begin, end));
                end = spacesBefore(begin);
            }
            Collections.reverse(parts);
            return parts;
        }
        for (int begin = spacesAfter(0); begin < text.length();) {
            int end = parts.size() == most ? text.length() : wordAfter(begin);
            parts.add(text.substring(begin, end));
            begin = spacesAfter(end);
        }
        return parts;
    }

    private int spacesAfter(int from) {
        int at = from;
        while (at < text.length() && Characters.isSpace(text.charAt(at))) {
            at++;
        }
        return at;
    }

    private int wordAfter(int from) {
        int at = from;
        while (at < text.length() && !Characters.isSpace(text.charAt(at))) {
            at++;
        }
        return at;
    }

    private int spacesBefore(int from) {
        int at = from;
        while (at > 0 && Characters.isSpace(text.charAt(at - 1))) {
            at--;
        }
        return at;
    }

    private int wordBefore(int from) {
        int at = from;
        while (at > 0 && !Characters.isSpace(text.charAt(at - 1))) {
            at--;
        }
        return at;
    }

    private List<Object> splitAt(String separator, int most, boolean right) {
        if (separator.isEmpty()) {
            throw new TemplateException("empty separator");
        }
        if (right) {
            List<Object> mirrored = splitLeft(mirror(text), mirror(separator), most);
            List<Object> parts = new ArrayList<>(mirrored.stream().map(part -> (Object) mirror((String) part)).toList());
            Collections.reverse(parts);
            return parts;
        }
        return splitLeft(text, separator, most);
    }

    private static String mirror(String text) {
        return new StringBuilder(text).reverse().toString();
    }

    private static List<Object> splitLeft(String text, String separator, int most) {
        var parts = new ArrayList<>();
        int from = 0;
        for (int at = Characters.indexOf(text, separator, 0); at >= 0 && (most < 0 || parts.size() < most);
                at = Characters.indexOf(text, separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    private Object splitLines(Object... arguments) {
        boolean keep = arguments[0] != Arguments.MISSING && interpreter.values().isTrue(arguments[0]);
        List<Object> lines = lines(text, keep);
        budget.items(lines.size());
        budget.text(text.length());
        return new PyList(lines);
    }

    static List<Object> lines(String text, boolean keepEnds) {
        var lines = new ArrayList<>();
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            if (Characters.isLineBreak(text.charAt(i))) {
                int end = i;
                if (text.charAt(i) == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n') {
                    i++;
                }
                lines.add(text.substring(begin, keepEnds ? i + 1 : end));
                begin = i + 1;
            }
        }
        if (begin < text.length()) {
            lines.add(text.substring(begin));
        }
        return lines;
    }

    /** The char range selected by optional start and end arguments; null if it starts beyond the end. */
    private int[] bounds(List<Object> arguments) {
        Object from = arguments.size() > 1 ? arguments.get(1) : null;
        Object to = arguments.size() > 2 ? arguments.get(2) : null;
        int length = Characters.length(text);
        Slicing slicing = Slicing.of(from, to, null, length);
        boolean beyond = from != null && Numbers.index(from, name) > length || slicing.from() > slicing.to();
        return beyond ? null : new int[] {Characters.offset(text, slicing.from()), Characters.offset(text, slicing.to())};
    }

    private Object startsOrEnds(List<Object> arguments) {
        int[] bounds = bounds(arguments);
        List<Object> parts = arguments.getFirst() instanceof PyTuple tuple ? tuple.items() : List.of(string(arguments.getFirst()));
        boolean found = false;
        for (Object part : parts) {
            String wanted = string(part);
            budget.scan(wanted.length());
            found |= bounds != null && bounds[1] - bounds[0] >= wanted.length()
                    && text.startsWith(wanted, name.equals("startswith") ? bounds[0] : bounds[1] - wanted.length());
        }
        return found;
    }

    private Object find(List<Object> arguments) {
        String part = string(arguments.getFirst());
        int[] bounds = bounds(arguments);
        int at = -1;
        if (bounds != null) {
            String within = text.substring(bounds[0], bounds[1]);
            budget.text(within.length());
            budget.scan(part.length());
            at = name.startsWith("r") ? lastIndexOf(within, part) : Characters.indexOf(within, part, 0);
        }
        if (at < 0 && name.endsWith("index")) {
            throw new TemplateException("substring not found");
        }
        return Numbers.of(at < 0 ? -1 : text.codePointCount(0, bounds[0] + at));
    }

    private int lastIndexOf(String within, String part) {
        budget.text(within.length());
        int at = Characters.indexOf(mirror(within), mirror(part), 0);
        return at < 0 ? -1 : within.length() - at - part.length();
    }

    private Object count(List<Object> arguments) {
        String part = string(arguments.getFirst());
        int[] bounds = bounds(arguments);
        if (bounds == null) {
            return Numbers.of(0);
        }
        String within = text.substring(bounds[0], bounds[1]);
        budget.text(within.length());
        return Numbers.of(part.isEmpty() ? Characters.length(within) + 1L : occurrences(within, part, Integer.MAX_VALUE));
    }

    private static long occurrences(String text, String part, int most) {
        long count = 0;
        for (int at = Characters.indexOf(text, part, 0); at >= 0 && count < most; at = Characters.indexOf(text, part, at + part.length())) {
            count++;
        }
        return count;
    }

    /** {@code str.replace}; a negative count means no limit. */
    static String replace(String text, String old, String other, int count, Budget budget) {
        int most = count < 0 ? Integer.MAX_VALUE : count;
        if (old.isEmpty()) {
            return insertBetween(text, other, most, budget);
        }
        budget.scan((long) text.length() * 2);
        long occurrences = occurrences(text, old, most);
        budget.text(text.length() + occurrences * (other.length() - old.length()));
        if (occurrences == 0) {
            return text;
        }
        var result = new StringBuilder();
        int from = 0;
        for (long i = 0; i < occurrences; i++) {
            int at = Characters.indexOf(text, old, from);
            result.append(text, from, at).append(other);
            from = at + old.length();
        }
        return result.append(text, from, text.length()).toString();
    }

    private static String insertBetween(String text, String other, int most, Budget budget) {
        long times = Math.min(most, Characters.length(text) + 1L);
        budget.text(text.length() + times * other.length());
        var result = new StringBuilder();
        long done = 0;
        for (int i = 0; i <= text.length();) {
            if (done++ < times) {
                result.append(other);
            }
            if (i == text.length()) {
                break;
            }
            int sign = text.codePointAt(i);
            result.appendCodePoint(sign);
            i += Character.charCount(sign);
        }
        return result.toString();
    }

    private Object partition(String separator) {
        if (separator.isEmpty()) {
            throw new TemplateException("empty separator");
        }
        boolean last = name.equals("rpartition");
        int at = last ? lastIndexOf(text, separator) : Characters.indexOf(text, separator, 0);
        budget.text(text.length());
        List<Object> parts = at >= 0 ? List.of(text.substring(0, at), separator, text.substring(at + separator.length()))
                : last ? List.of("", "", text) : List.of(text, "", "");
        return new PyTuple(parts);
    }

    private String join(String separator, Object items) {
        var result = new StringBuilder();
        int place = 0;
        for (Iterator<Object> rest = interpreter.values().iterator(items); rest.hasNext(); place++) {
            Object item = rest.next();
            if (!Types.isText(item)) {
                throw new TemplateException("sequence item %d: expected str instance, %s found".formatted(place, Types.name(item)));
            }
            if (item instanceof Markup) {
                throw TemplateException.unsupported("joining strings that are marked safe");
            }
            budget.text((long) separator.length() + ((String) item).length());
            result.append(place > 0 ? separator : "").append(item);
        }
        return result.toString();
    }

    private String pad(List<Object> arguments) {
        String fill = arguments.size() > 1 ? string(arguments.get(1)) : " ";
        if (Characters.length(fill) != 1) {
            throw new TemplateException("The fill character must be exactly one character long");
        }
        return pad(text, name, Numbers.index(arguments.getFirst(), name), fill, budget);
    }

    static String pad(String text, String how, int width, String fill, Budget budget) {
        int missing = Math.max(0, width - Characters.length(text));
        budget.text((long) text.length() + (long) missing * fill.length());
        int left = switch (how) {
            case "ljust" -> 0;
            case "rjust" -> missing;
            default -> missing / 2 + (missing & width & 1);
        };
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    private String zeros(int width) {
        int missing = Math.max(0, width - Characters.length(text));
        budget.text((long) text.length() + missing);
        boolean signed = text.startsWith("-") || text.startsWith("+");
        return signed ? text.charAt(0) + "0".repeat(missing) + text.substring(1) : "0".repeat(missing) + text;
    }

    private String expandTabs(Object... arguments) {
        int size = arguments[0] == Arguments.MISSING ? 8 : Math.max(0, Numbers.index(arguments[0], name));
        var result = new StringBuilder();
        int column = 0;
        for (int i = 0; i < text.length(); i++) {
            char sign = text.charAt(i);
            if (sign == '\t') {
                int spaces = size == 0 ? 0 : size - column % size;
                budget.text(spaces);
                result.append(" ".repeat(spaces));
                column += spaces;
            } else {
                result.append(sign);
                column = sign == '\n' || sign == '\r' ? 0 : column + (Character.isLowSurrogate(sign) ? 0 : 1);
            }
        }
        return made(result.toString());
    }
}
