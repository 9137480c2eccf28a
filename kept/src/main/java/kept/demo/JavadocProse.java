package kept.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Documentation comments as plain prose, a paragraph a line: tags and entities resolved, examples and tables left out, of the block tags
 * those kept that make sentences.
 */
final class JavadocProse {
    private static final Pattern DROPPED = Pattern.compile("(?is)<!--.*?-->|<(pre|table|script|style|svg)\\b.*?</\\1\\s*>");
    private static final Pattern FENCED = Pattern.compile("(?m)^\\s*```.*?^\\s*```\\s*$", Pattern.DOTALL);
    private static final Pattern BLOCK_ELEMENT = Pattern.compile("(?i)</?(?:p|li|ul|ol|dl|dt|dd|h[1-6]|div|blockquote|br|hr|section)\\b[^<>]*>");
    private static final Pattern ELEMENT = Pattern.compile("</?[a-zA-Z][^<>]*>");
    private static final Pattern ENTITY = Pattern.compile("&(#[xX]?[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});");
    private static final Pattern MARKDOWN_LINK = Pattern.compile("\\[([^\\]\\[]*)\\](?:\\([^)]*\\)|\\[[^\\]]*\\])?");
    private static final Pattern BLOCK_TAG = Pattern.compile("(?m)^\\s*@(?=[a-zA-Z])");
    private static final Pattern PARAGRAPH = Pattern.compile("\\n\\s*\\n");
    private static final Pattern SPACES = Pattern.compile("\\s+");
    private static final Map<String, String> ENTITIES = Map.ofEntries(Map.entry("lt", "<"), Map.entry("gt", ">"), Map.entry("amp", "&"),
            Map.entry("quot", "\""), Map.entry("apos", "'"), Map.entry("nbsp", " "), Map.entry("mdash", "\u2014"), Map.entry("ndash", "\u2013"),
            Map.entry("hellip", "..."), Map.entry("lsquo", "'"), Map.entry("rsquo", "'"), Map.entry("ldquo", "\""), Map.entry("rdquo", "\""),
            Map.entry("le", "<="), Map.entry("ge", ">="), Map.entry("ne", "!="), Map.entry("times", "*"), Map.entry("minus", "-"),
            Map.entry("copy", "(c)"), Map.entry("reg", ""), Map.entry("trade", ""), Map.entry("rarr", "->"), Map.entry("larr", "<-"));
    /** Markup characters that are text, such as those of {@code {@code List<String>}}, wait as these until markup has gone. */
    private static final String MARKUP = "<>&@*{}[]";
    private static final char PROTECTED = '\uE000';
    private static final int MIN_WORDS = 4;

    private JavadocProse() {
    }

    /** The paragraphs of a comment; none for one that holds a licence or nothing that reads as a sentence. */
    static List<String> paragraphs(JavaSource.Comment comment) {
        if (comment.text().contains("Copyright")) {
            return List.of();
        }
        String text = inlineTags(comment.markdown() ? markdown(comment.text()) : comment.text());
        text = DROPPED.matcher(text).replaceAll("\n\n");
        String[] blocks = BLOCK_TAG.split(text);
        List<String> paragraphs = new ArrayList<>();
        addParagraphs(blocks[0], paragraphs);
        Stream.of(blocks).skip(1).map(JavadocProse::sentence).forEach(sentence -> addParagraphs(sentence, paragraphs));
        return paragraphs;
    }

    private static void addParagraphs(String html, List<String> paragraphs) {
        String broken = BLOCK_ELEMENT.matcher(html).replaceAll("\n\n");
        String bare = ELEMENT.matcher(broken.replace("<sup>", "^")).replaceAll("");
        for (String paragraph : PARAGRAPH.split(unprotected(entities(bare)))) {
            String line = SPACES.matcher(paragraph).replaceAll(" ").strip();
            if (line.chars().filter(c -> c == ' ').count() >= MIN_WORDS - 1) {
                paragraphs.add(line);
            }
        }
    }

    /** A block tag (without its at sign) as a sentence, or nothing. */
    private static String sentence(String block) {
        String[] parts = SPACES.split(block.strip(), 2);
        String text = parts.length > 1 ? parts[1] : "";
        return switch (parts[0]) {
            case "return" -> "Returns " + text;
            case "throws", "exception" -> "Throws " + text;
            case "param" -> parameter(text);
            case "apiNote", "implNote", "implSpec", "deprecated" -> text;
            default -> "";
        };
    }

    /** A parameter as rendered documentation shows it, {@code name - what it is}; type parameters are left out. */
    private static String parameter(String text) {
        String[] parts = SPACES.split(text, 2);
        return parts.length < 2 || parts[0].startsWith("<") ? "" : parts[0] + " - " + parts[1];
    }

    private static String markdown(String text) {
        String links = MARKDOWN_LINK.matcher(FENCED.matcher(text).replaceAll("\n\n")).replaceAll("$1");
        return links.replace("`", "").replaceAll("(?m)^\\s*(?:[-*+]|\\d+\\.|#+)\\s+", "\n\n");
    }

    /** Replaces {@code {@tag content}} by what it shows; tags may stand in tags, and content may hold balanced braces. */
    private static String inlineTags(String text) {
        var out = new StringBuilder();
        int from = 0;
        for (int open = text.indexOf("{@"); open >= 0; open = text.indexOf("{@", from)) {
            int close = closingBrace(text, open);
            out.append(text, from, open);
            if (close < 0) {                // never closed: the braces are text
                out.append("{@");
                from = open + 2;
                continue;
            }
            String[] parts = SPACES.split(text.substring(open + 2, close), 2);
            out.append(shown(parts[0], parts.length > 1 ? parts[1] : ""));
            from = close + 1;
        }
        return out.append(text, from, text.length()).toString();
    }

    private static int closingBrace(String text, int open) {
        int depth = 0;
        for (int i = open; i < text.length(); i++) {
            depth += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        return -1;
    }

    private static String shown(String tag, String content) {
        return switch (tag) {
            case "code", "literal", "systemProperty" -> guarded(content);
            case "link", "linkplain", "value" -> reference(content);
            case "index" -> SPACES.split(content, 2)[0];
            case "return" -> "Returns " + inlineTags(content) + ".";
            case "summary" -> inlineTags(content);
            default -> "";
        };
    }

    /** The label of a reference, or what it refers to in the form of a call. */
    private static String reference(String content) {
        int depth = 0;
        for (int i = 0; i < content.length(); i++) {
            char c = content.charAt(i);
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth <= 0 && Character.isWhitespace(c) && !content.substring(i).isBlank()) {
                return inlineTags(content.substring(i + 1));
            }
        }
        String target = content.strip();
        return guarded((target.startsWith("#") ? target.substring(1) : target).replace('#', '.'));
    }

    private static String guarded(String text) {
        var out = new StringBuilder(text);
        for (int i = 0; i < out.length(); i++) {
            int markup = MARKUP.indexOf(out.charAt(i));
            if (markup >= 0) {
                out.setCharAt(i, (char) (PROTECTED + markup));
            }
        }
        return out.toString();
    }

    private static String unprotected(String text) {
        var out = new StringBuilder(text);
        for (int i = 0; i < out.length(); i++) {
            int markup = out.charAt(i) - PROTECTED;
            if (markup >= 0 && markup < MARKUP.length()) {
                out.setCharAt(i, MARKUP.charAt(markup));
            }
        }
        return out.toString();
    }

    private static String entities(String text) {
        return ENTITY.matcher(text).replaceAll(match -> Matcher.quoteReplacement(entity(match.group(1), match.group())));
    }

    private static String entity(String name, String whole) {
        if (!name.startsWith("#")) {
            return ENTITIES.getOrDefault(name, whole);
        }
        boolean hexadecimal = name.startsWith("x", 1) || name.startsWith("X", 1);
        try {
            int point = hexadecimal ? Integer.parseInt(name.substring(2), 16) : Integer.parseInt(name.substring(1));
            return Character.isValidCodePoint(point) && !Character.isISOControl(point) ? Character.toString(point) : whole;
        } catch (NumberFormatException e) {
            return whole;
        }
    }
}
