package kept.template;

import java.util.ArrayList;
import java.util.List;

/** The HTML filters. */
final class Html {
    private Html() {}

    /** Removes tags and comments and collapses white space; entities, which Python would decode, are not supported. */
    static String withoutTags(String text, Interpreter interpreter) {
        interpreter.budget().text(text.length() * 2L);
        String plain = without(without(text, "<!--", "-->"), "<", ">");
        if (plain.indexOf('&') >= 0) {
            throw TemplateException.unsupported("striptags of a text with an entity");
        }
        return String.join(" ", plain.isBlank() ? List.of() : words(plain));
    }

    private static List<String> words(String text) {
        var words = new ArrayList<String>();
        int begin = -1;
        for (int i = 0; i <= text.length(); i++) {
            boolean space = i == text.length() || Characters.isSpace(text.charAt(i));
            if (space && begin >= 0) {
                words.add(text.substring(begin, i));
                begin = -1;
            } else if (!space && begin < 0) {
                begin = i;
            }
        }
        return words;
    }

    private static String without(String text, String open, String close) {
        var rest = new StringBuilder();
        int from = 0;
        int begin = text.indexOf(open);
        while (begin >= 0) {
            int end = text.indexOf(close, begin);
            if (end < 0) {
                break;
            }
            rest.append(text, from, begin);
            from = end + close.length();
            begin = text.indexOf(open, from);
        }
        return rest.append(text, from, text.length()).toString();
    }
}
