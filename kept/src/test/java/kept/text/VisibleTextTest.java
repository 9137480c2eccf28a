package kept.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Text of any origin on a line of a terminal. */
class VisibleTextTest {
    @Test
    void nothingInItIsACommandOrInvisible() {
        assertThat(VisibleText.escaped("a\tb\r\n\\ \u001b[2J \u202e \u2028 \u0000 한 é 🙂")).isEqualTo(
            "a\\tb\\r\\n\\\\ \\u001b[2J \\u202e \\u2028 \\u0000 한 é 🙂");
        assertThat(VisibleText.escaped("\uD800")).isEqualTo("\\ud800");
        assertThat(VisibleText.escaped(new String(Character.toChars(0xE0001)))).isEqualTo("\\U000e0001");
        assertThat(VisibleText.quoted(" the")).isEqualTo("\" the\"");
    }

    @Test
    void wideCharactersTakeTwoColumns() {
        assertThat(VisibleText.columns("ab한글")).isEqualTo(6);
        assertThat(VisibleText.end("ab한글", 6)).isEqualTo("ab한글");
        assertThat(VisibleText.end("ab한글", 5)).isEqualTo("…한글");
        assertThat(VisibleText.end("ab한글", 4)).isEqualTo("…글");
        assertThat(VisibleText.beginning("한글ab", 5)).isEqualTo("한글…");
        assertThat(VisibleText.beginning("한글ab", 4)).isEqualTo("한…");
        assertThat(VisibleText.beginning("ab", 0)).isEqualTo("…");
    }

    @Test
    void whatJustFitsIsNotCut() {
        assertThat(VisibleText.beginning("ab한글", 6)).isEqualTo("ab한글");
        assertThat(VisibleText.shortened("a🙂c", 3)).isEqualTo("a🙂c");
        assertThat(VisibleText.shortened("a🙂cd", 3)).isEqualTo("a🙂c…");
    }

    @Test
    void fourDigitsReachToTheEndOfTheFirstPlane() {
        assertThat(VisibleText.escaped("\uFFFF" + Character.toString(0x10FFFF))).isEqualTo("\\uffff\\U0010ffff");
    }
}
