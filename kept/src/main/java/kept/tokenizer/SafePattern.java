package kept.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Recognises regular expressions that are matched in linear time. Hugging Face's library passes them to Oniguruma, a backtracking engine that aborts
 * the process after ten million steps.
 *
 * <p>Accepted is an alternation of sequences of characters, classes, anchors, fixed-length look-around and unrepeated groups, in which nothing after
 * an unbounded repetition can fail: a failed attempt then has looked at a bounded number of characters. Patterns of well-known tokenizers that
 * violate this rule but are linear, because another alternative matches the run they failed on, are listed verbatim.
 */
final class SafePattern {
    private static final int LONGEST = 65_536;
    private static final int MAX_ALTERNATIVES = 256;
    private static final int DEEPEST = 8;
    private static final int MAX_COUNT = 1000;
    /** Maximum number of ways to match the part before the last element that may fail. */
    private static final long MAX_WAYS = 256;
    /** Maximum number of characters looked at from one place of a text: those of all alternatives, in each of their ways. */
    static final long MAX_STEPS = 16_384;

    private static final String SPACES = "\\s+";
    private static final String UPPER = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
    /** Alternatives that may fail after a run, with the alternative that then matches the run. */
    private static final Map<String, String> KNOWN = Map.of(
            "\\s+(?!\\S)", SPACES,
            "\\s*[\\r\\n]+", SPACES,
            "\\s*[\\r\\n]", SPACES,
            UPPER + "*" + LOWER + "+", UPPER + "+" + LOWER + "*",
            UPPER + "*" + LOWER + "+" + ENDINGS, UPPER + "+" + LOWER + "*" + ENDINGS);
    /** Cannot match inside a run, so each run is tried once. */
    static final String TRAILING_SPACE = "(?<!\u2581)\u2581+\\z";

    private static final Pattern LINE_BREAK_OR_ESCAPE = Pattern.compile("\\\\.|[\r\n]", Pattern.DOTALL);
    private static final String CLASS_ESCAPES = "sSdDwWhHrntfvea";
    private static final String ANCHOR_ESCAPES = "AzZbB";

    private final String pattern;
    private int at;

    private SafePattern(String pattern) {
        this.pattern = pattern;
    }

    /** Whether a pattern is known to be matched in linear time. */
    static boolean accepts(String pattern) {
        return steps(pattern).isPresent();
    }

    /**
     * Returns how many characters a search may look at from one place of a text, apart from those it matches.
     *
     * @return at most {@link #MAX_STEPS}; empty if the pattern is not known to be matched in linear time
     */
    static OptionalLong steps(String pattern) {
        if (pattern.isEmpty() || pattern.length() > LONGEST) {
            return OptionalLong.empty();
        }
        if (pattern.equals(TRAILING_SPACE)) {
            return OptionalLong.of(1);
        }
        try {
            var parser = new SafePattern(spelled(pattern));
            List<Part> alternatives = parser.alternatives(0);
            long steps = alternatives.stream().mapToLong(Part::steps).sum();
            boolean whole = parser.at == parser.pattern.length();
            return whole && acceptsAll(alternatives) && steps <= MAX_STEPS ? OptionalLong.of(steps) : OptionalLong.empty();
        } catch (Refusal e) {
            return OptionalLong.empty();
        }
    }

    /** The pattern with line breaks that stand for themselves, as in StableLM 2's, written as the escapes {@code \r} and {@code \n}. */
    static String spelled(String pattern) {
        return LINE_BREAK_OR_ESCAPE.matcher(pattern).replaceAll(found -> Matcher.quoteReplacement(switch (found.group()) {
            case "\r" -> "\\r";
            case "\n" -> "\\n";
            default -> found.group();
        }));
    }

    private static boolean acceptsAll(List<Part> alternatives) {
        for (int i = 0; i < alternatives.size(); i++) {
            Part part = alternatives.get(i);
            if (part.least == 0 || part.failsAfterRun && !isTakenUp(part.text, alternatives.subList(0, i), alternatives.subList(i + 1,
                    alternatives.size()))) {
                return false;
            }
        }
        return true;
    }

    /** Whether the run an alternative fails on is matched as a whole, before or next: another could match a part and leave the rest to search. */
    private static boolean isTakenUp(String text, List<Part> preceding, List<Part> following) {
        String run = KNOWN.get(text);
        if (preceding.stream().anyMatch(part -> part.text.equals(run))) {
            return true;
        }
        for (Part next : following) {
            if (run == null || !run.equals(KNOWN.get(next.text))) {
                return next.text.equals(run);
            }
        }
        return false;
    }

    /** Thrown internally to reject a pattern. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        Refusal() {
            super("", null, false, false);
        }
    }

    /**
     * A part of a pattern.
     *
     * @param text what it reads
     * @param least minimum number of characters it matches
     * @param most maximum number of characters it matches or looks at, with one for each unbounded repetition
     * @param ways number of ways it may match one text, not counting unbounded repetitions
     * @param runs whether it contains an unbounded repetition
     * @param mayFail whether it may fail
     * @param failsAfterRun whether something in it may fail after an unbounded repetition
     */
    private record Part(String text, int least, long most, long ways, boolean runs, boolean mayFail, boolean failsAfterRun) {
        /** How many characters it looks at in all its ways. */
        long steps() {
            return ways * Math.max(1, most);
        }
    }

    private List<Part> alternatives(int depth) throws Refusal {
        List<Part> alternatives = new ArrayList<>();
        alternatives.add(sequence(depth));
        while (at < pattern.length() && pattern.charAt(at) == '|') {
            at++;
            alternatives.add(sequence(depth));
        }
        if (alternatives.size() > MAX_ALTERNATIVES) {
            throw new Refusal();
        }
        return alternatives;
    }

    private Part sequence(int depth) throws Refusal {
        int start = at;
        int least = 0;
        long most = 0;
        long ways = 1;
        boolean runs = false;
        boolean mayFail = false;
        boolean failsAfterRun = false;
        while (at < pattern.length() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
            Part next = quantified(element(depth));
            failsAfterRun |= next.failsAfterRun || runs && next.mayFail;
            if (next.mayFail && ways > MAX_WAYS) {
                throw new Refusal();
            }
            ways = Math.min(MAX_WAYS + 1, ways * next.ways);
            least = Math.min(MAX_COUNT, least + next.least);
            most += next.most;
            runs |= next.runs;
            mayFail |= next.mayFail;
        }
        return new Part(pattern.substring(start, at), least, most, ways, runs, mayFail, failsAfterRun);
    }

    private Part element(int depth) throws Refusal {
        char c = pattern.charAt(at++);
        return switch (c) {
            case '(' -> group(depth);
            case '[' -> {
                characterClass(0);
                yield one();
            }
            case '\\' -> escape();
            case '^', '$' -> anchor();
            case '*', '+', '?', '{', '}' -> throw new Refusal();
            default -> {
                at += Character.isHighSurrogate(c) && at < pattern.length() ? 1 : 0;
                yield one();
            }
        };
    }

    private static Part one() {
        return new Part("", 1, 1, 1, false, true, false);
    }

    private static Part anchor() {
        return around(1);
    }

    private static Part around(long looksAt) {
        return new Part("", 0, looksAt, 1, false, true, false);
    }

    private Part escape() throws Refusal {
        char c = next();
        if (ANCHOR_ESCAPES.indexOf(c) >= 0) {
            return anchor();
        }
        escaped(c);
        return one();
    }

    /** Parses the character after a backslash, as allowed inside and outside classes; anchors are handled elsewhere. */
    private void escaped(char c) throws Refusal {
        if (c == 'p' || c == 'P') {
            braces("[A-Za-z0-9_^ ]{1,40}");
        } else if (c == 'x') {
            if (at < pattern.length() && pattern.charAt(at) == '{') {
                braces("[0-9a-fA-F]{1,6}");
            } else {
                digits(2);
            }
        } else if (c == 'u') {
            digits(4);
        } else if (Character.isLetterOrDigit(c) && CLASS_ESCAPES.indexOf(c) < 0 || c > 0x7F) {
            throw new Refusal();
        }
    }

    private void braces(String content) throws Refusal {
        int end = pattern.indexOf('}', at);
        if (end < 0 || pattern.charAt(at) != '{' || !pattern.substring(at + 1, end).matches(content)) {
            throw new Refusal();
        }
        at = end + 1;
    }

    private void digits(int count) throws Refusal {
        for (int i = 0; i < count; i++) {
            if (Character.digit(next(), 16) < 0) {
                throw new Refusal();
            }
        }
    }

    private char next() throws Refusal {
        if (at == pattern.length()) {
            throw new Refusal();
        }
        return pattern.charAt(at++);
    }

    /** Parses a bracketed class after its opening bracket; classes may be nested. */
    private void characterClass(int depth) throws Refusal {
        if (depth > DEEPEST) {
            throw new Refusal();
        }
        if (at < pattern.length() && pattern.charAt(at) == '^') {
            at++;
        }
        boolean first = true;
        for (char c = next(); c != ']' || first; c = next()) {
            if (c == ']') {
                throw new Refusal();        // a bracket that comes first is read in more than one way
            }
            if (c == '[') {
                characterClass(depth + 1);
            } else if (c == '\\') {
                escaped(next());
            }
            first = false;
        }
    }

    private Part group(int depth) throws Refusal {
        if (depth >= DEEPEST) {
            throw new Refusal();
        }
        boolean around = false;
        if (at < pattern.length() && pattern.charAt(at) == '?') {
            String rest = pattern.substring(at, Math.min(pattern.length(), at + 4));
            around = rest.startsWith("?=") || rest.startsWith("?!") || rest.startsWith("?<=") || rest.startsWith("?<!");
            int head = rest.startsWith("?<") ? 3 : rest.startsWith("?i:") ? 3 : 2;
            boolean plain = rest.startsWith("?:") || rest.startsWith("?>") || rest.startsWith("?i:") || rest.startsWith("?i)");
            if (!around && !plain) {
                throw new Refusal();
            }
            at += head;
            if (rest.startsWith("?i)")) {
                if (at != "(?i)".length() - 1) {
                    throw new Refusal();
                }
                at++;
                return new Part("", 0, 0, 1, false, false, false);
            }
        }
        List<Part> inside = alternatives(depth + 1);
        if (next() != ')') {
            throw new Refusal();
        }
        boolean runs = inside.stream().anyMatch(Part::runs);
        long ways = Math.min(MAX_WAYS + 1, inside.stream().mapToLong(Part::ways).sum());
        if (around) {
            if (runs || ways > MAX_WAYS) {
                throw new Refusal();
            }
            return around(inside.stream().mapToLong(Part::steps).sum());
        }
        long most = inside.stream().mapToLong(Part::most).max().orElse(0);
        return new Part("", inside.stream().mapToInt(Part::least).min().orElse(0), most, ways, runs, inside.stream().anyMatch(Part::mayFail),
                inside.stream().anyMatch(Part::failsAfterRun));
    }

    private Part quantified(Part part) throws Refusal {
        if (at == pattern.length() || "?*+{".indexOf(pattern.charAt(at)) < 0) {
            return part;
        }
        char c = next();
        long least = c == '+' ? 1 : 0;
        long most = c == '?' ? 1 : Long.MAX_VALUE;
        if (c == '{') {
            int end = pattern.indexOf('}', at);
            String range = end < 0 ? "" : pattern.substring(at, end);
            if (!range.matches("\\d{1,4}(,\\d{0,4})?|,\\d{1,4}")) {
                throw new Refusal();
            }
            int comma = range.indexOf(',');
            String from = comma < 0 ? range : range.substring(0, comma);
            String to = comma < 0 ? range : range.substring(comma + 1);
            least = from.isEmpty() ? 0 : Integer.parseInt(from);
            most = to.isEmpty() ? Long.MAX_VALUE : Integer.parseInt(to);
            at = end + 1;
        }
        boolean bounded = most <= MAX_COUNT;
        boolean simple = part.least == 1 && part.ways == 1 && !part.runs && !part.failsAfterRun;
        boolean repeatable = most <= 1 || simple && part.least > 0;
        if (most < least || least > MAX_COUNT || bounded == (most == Long.MAX_VALUE) || !repeatable) {
            throw new Refusal();
        }
        if (at < pattern.length() && "?*+{".indexOf(pattern.charAt(at)) >= 0) {
            if (pattern.charAt(at) != '?') {
                throw new Refusal();
            }
            at++;       // lazy
        }
        long ways = bounded ? Math.min(MAX_WAYS + 1, part.ways * (most - least + 1)) : 1;
        long longest = part.most * (bounded ? most : Math.max(1, least));
        return new Part("", (int) least * part.least, longest, ways, part.runs || !bounded, least > 0 && part.mayFail, part.failsAfterRun);
    }
}
