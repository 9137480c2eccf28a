package kept.template;

import java.util.Locale;

/** Upper, lower and title case, with the full Unicode mappings. */
final class Casing {
    /**
     * Java's case conversion takes quadratic time for texts in which one letter becomes several, so texts are converted in pieces of this
     * many characters.
     */
    private static final int PIECE = 256;
    private static final int CHARACTERS_A_STEP = 64;
    private static final char SIGMA = '\u03a3';

    private Casing() {}

    static String apply(String text, String how, Budget budget) {
        String result = switch (how) {
            case "upper" -> upper(text);
            case "lower" -> lower(text, budget);
            case "capitalize" -> capitalize(text, budget);
            case "title" -> title(text, budget);
            case "swapcase" -> swap(text, budget);
            default -> fold(text);
        };
        budget.text(result.length());
        return result;
    }

    /** Upper case does not depend on the context of a letter. */
    private static String upper(String text) {
        if (text.length() <= PIECE) {
            return text.toUpperCase(Locale.ROOT);
        }
        var result = new StringBuilder(text.length());
        for (int from = 0; from < text.length();) {
            int to = Math.min(text.length(), from + PIECE);
            to -= to < text.length() && Character.isLowSurrogate(text.charAt(to)) && Character.isHighSurrogate(text.charAt(to - 1)) ? 1 : 0;
            result.append(text.substring(from, to).toUpperCase(Locale.ROOT));
            from = to;
        }
        return result.toString();
    }

    /**
     * Lower case. The lower case of sigma depends on its context, so the text is not split, and each sigma may cost a scan of all of it; the one
     * letter that becomes two (U+0130) is replaced before, with the same effect on a sigma.
     */
    static String lower(String text, Budget budget) {
        long sigmas = text.chars().filter(sign -> sign == SIGMA).count();
        budget.work(sigmas * text.length() / CHARACTERS_A_STEP);
        return text.replace("\u0130", "i\u0307").toLowerCase(Locale.ROOT);
    }

    private static String capitalize(String text, Budget budget) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        return Characters.toTitle(text.codePointAt(0)) + lowerRest(text, first, budget);
    }

    /** Lower-cases all but the first character; as part of the whole text, so that a final sigma is recognised. */
    private static String lowerRest(String text, int from, Budget budget) {
        if (text.indexOf(SIGMA, from) < 0) {
            return lower(text.substring(from), budget);
        }
        String head = lower(text.substring(0, from), budget);
        return lower(text, budget).substring(head.length());
    }

    private static String title(String text, Budget budget) {
        String lower = lower(text, budget);
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

    private static String swap(String text, Budget budget) {
        String lower = lower(text, budget);
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
