package kept.text;

/**
 * The number of columns of a terminal that a character takes: none for marks and modifiers of the previous character and for invisible characters,
 * two for the wide characters of East Asian scripts and emoji, as Markus Kuhn's {@code wcwidth} and JLine's have it, with the marks of Java's tables.
 */
final class CharacterWidth {
    private static final int SOFT_HYPHEN = 0xAD;
    /** First and last of each range of wide characters; what in them is a mark takes no column. */
    private static final int[][] WIDE = {{0x1100, 0x115F}, {0x2329, 0x232A}, {0x2E80, 0x303E}, {0x3040, 0xA4CF}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
        {0xFE10, 0xFE19}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F000, 0x1F3FA}, {0x1F400, 0x1FEEE}, {0x20000, 0x2FFFD},
        {0x30000, 0x3FFFD}};
    /** Medial vowels and final consonants, which join the leading consonant's block. */
    private static final int FIRST_JOINING_JAMO = 0x1160;
    private static final int LAST_JOINING_JAMO = 0x11FF;

    private CharacterWidth() {}

    /** The columns of a character: 0, 1 or 2. */
    static int of(int character) {
        if (takesNone(character)) {
            return 0;
        }
        for (int[] range : WIDE) {
            if (character >= range[0] && character <= range[1]) {
                return 2;
            }
        }
        return 1;
    }

    private static boolean takesNone(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.NON_SPACING_MARK, Character.ENCLOSING_MARK -> true;
            case Character.FORMAT -> character != SOFT_HYPHEN;
            default -> character >= FIRST_JOINING_JAMO && character <= LAST_JOINING_JAMO || Character.isEmojiModifier(character);
        };
    }
}
