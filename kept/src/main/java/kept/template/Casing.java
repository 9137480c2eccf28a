package kept.template;

import java.util.Locale;

/** Upper, lower and title case, with the full mappings of Unicode. */
final class Casing {
    private Casing() {}

    static String apply(String text, String how, Budget budget) {
        String result = switch (how) {
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalize(text);
            case "title" -> title(text);
            case "swapcase" -> swap(text);
            default -> fold(text);
        };
        budget.text(result.length());
        return result;
    }

    private static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        return Characters.toTitle(text.codePointAt(0)) + lowerRest(text, first);
    }

    /** The rest in lower case, for a sigma at the end of a word as part of the whole. */
    private static String lowerRest(String text, int from) {
        if (text.indexOf('\u03a3', from) < 0) {
            return text.substring(from).toLowerCase(Locale.ROOT);
        }
        String head = text.substring(0, from).toLowerCase(Locale.ROOT);
        return text.toLowerCase(Locale.ROOT).substring(head.length());
    }

    private static String title(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        boolean aligned = lower.length() == text.length();
        var result = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            int next = i + Character.charCount(sign);
            if (!inside) {
                result.append(Characters.toTitle(sign));
            } else {
                result.append(aligned ? lower.substring(i, next) : Character.toString(sign).toLowerCase(Locale.ROOT));
            }
            inside = Characters.isCased(sign);
            i = next;
        }
        return result.toString();
    }

    private static String swap(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        boolean aligned = lower.length() == text.length();
        var result = new StringBuilder();
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            int next = i + Character.charCount(sign);
            String one = Character.toString(sign);
            if (Character.isUpperCase(sign)) {
                result.append(aligned ? lower.substring(i, next) : one.toLowerCase(Locale.ROOT));
            } else {
                result.append(Character.isLowerCase(sign) ? one.toUpperCase(Locale.ROOT) : one);
            }
            i = next;
        }
        return result.toString();
    }

    private static String fold(String text) {
        if (text.chars().allMatch(sign -> sign < 128)) {
            return text.toLowerCase(Locale.ROOT);
        }
        throw TemplateException.unsupported("casefold of other letters than ASCII");
    }
}
