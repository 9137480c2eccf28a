package kept.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Python's methods of strings that chat templates use. */
final class PythonText {
    private PythonText() {}

    /**
     * Calls a method.
     *
     * @param text the string
     * @param method the method's name
     * @param arguments what it is given
     * @return its result, or null if there is no such method with such arguments here
     */
    static Object call(String text, String method, Object... arguments) {
        String first = arguments.length > 0 && arguments[0] instanceof String string ? string : null;
        return switch (arguments.length) {
            case 0 -> switch (method) {
                case "strip" -> text.strip();
                case "lstrip" -> text.stripLeading();
                case "rstrip" -> text.stripTrailing();
                case "upper" -> text.toUpperCase(Locale.ROOT);
                case "lower" -> text.toLowerCase(Locale.ROOT);
                case "title" -> title(text);
                case "capitalize" -> text.isEmpty() ? text
                        : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1).toLowerCase(Locale.ROOT);
                case "split" -> text.isBlank() ? List.of() : Arrays.asList(text.strip().split("\\s+"));
                default -> null;
            };
            case 1 -> first == null ? null : switch (method) {
                case "strip" -> strip(text, first, true, true);
                case "lstrip" -> strip(text, first, true, false);
                case "rstrip" -> strip(text, first, false, true);
                case "startswith" -> text.startsWith(first);
                case "endswith" -> text.endsWith(first);
                case "split" -> split(text, first, Long.MAX_VALUE);
                case "find" -> (long) text.indexOf(first);
                default -> null;
            };
            case 2 -> first == null ? null : switch (method) {
                case "replace" -> arguments[1] instanceof String other ? text.replace(first, other) : null;
                case "split" -> arguments[1] instanceof Number most ? split(text, first, most.longValue()) : null;
                default -> null;
            };
            default -> null;
        };
    }

    private static String strip(String text, String characters, boolean leading, boolean trailing) {
        int begin = 0;
        int end = text.length();
        while (leading && begin < end && characters.indexOf(text.charAt(begin)) >= 0) {
            begin++;
        }
        while (trailing && end > begin && characters.indexOf(text.charAt(end - 1)) >= 0) {
            end--;
        }
        return text.substring(begin, end);
    }

    private static List<String> split(String text, String separator, long most) {
        var parts = new ArrayList<String>();
        int from = 0;
        int at = separator.isEmpty() ? -1 : text.indexOf(separator);
        while (at >= 0 && (most < 0 || parts.size() < most)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
            at = text.indexOf(separator, from);
        }
        parts.add(text.substring(from));
        return parts;
    }

    private static String title(String text) {
        var title = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            char letter = text.charAt(i);
            title.append(inside ? Character.toLowerCase(letter) : Character.toUpperCase(letter));
            inside = Character.isLetter(letter);
        }
        return title.toString();
    }
}
