package kept.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.jline.utils.WCWidth;
import org.junit.jupiter.api.Test;

class CharacterWidthTest {
    /** Symbols and letters that JLine takes for marks. */
    private static final Set<Integer> NO_MARKS = Set.of(0x6DE, 0x1734, 0x302E, 0x302F);

    @Test
    void everyCharacterTakesTheColumnsThatJLineGivesItButMarksThatJLineDoesNotKnow() {
        for (int character = 0; character <= Character.MAX_CODE_POINT; character++) {
            int type = Character.getType(character);
            boolean mark = type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.FORMAT && character != 0xAD;
            if (mark) {
                assertThat(CharacterWidth.of(character)).as("%x", character).isZero();
            } else if (!NO_MARKS.contains(character)) {
                assertThat(CharacterWidth.of(character)).as("%x", character).isEqualTo(Math.max(0, WCWidth.wcwidth(character)));
            }
        }
    }

    @Test
    void latinIsNarrowHangulAndEmojiAreWideAndAccentsTakeNoColumn() {
        assertThat("a한\uD83D\uDE00\u0301\u200D".codePoints().map(CharacterWidth::of)).containsExactly(1, 2, 2, 0, 0);
    }
}
