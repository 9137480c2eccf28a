package kept.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a terminal is given of text from anywhere. */
class VisibleWriterTest {
    @ParameterizedTest
    @CsvSource({
        "a\u001b[2J, a\\u001b[2J", "a\u0007b, a\\u0007b", "a\u009b31m, a\\u009b31m", "x\u202etxt, x\\u202etxt", "\u2066a\u2069, \\u2066a\\u2069",
        "a\u200fb, a\\u200fb", "a\u061cb, a\\u061cb", "a\u007fb, a\\u007fb", "a\u200bb, a\\u200bb",
        "a\uFEFFb, a\\ufeffb", "a\u2028b, a\\u2028b", "a\u00adb, a\\u00adb", "\uDB40\uDC41, \\U000e0041", "a\u0008b, a\\u0008b"
    })
    void commandsAndTurnsAreEscaped(String text, String shown) {
        assertThat(VisibleText.onTerminal(text)).isEqualTo(shown);
    }

    @Test
    void aLineCannotBeWrittenOver() {
        assertThat(VisibleText.onTerminal("over\rwritten\r\n")).isEqualTo("over\\u000dwritten\\u000d\n");
    }

    @Test
    void whatIsTextStays() {
        String text = "two\nlines\tand \\ \"quotes\" caf\u00e9 e\u0301 \uD55C\uAE00 \uD83D\uDC69\u200D\uD83D\uDC67"
                + " \u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645 \uE0A0";
        assertThat(VisibleText.onTerminal(text)).isEqualTo(text);
    }

    @Test
    void aCharacterMayComeInHalves() throws IOException {
        var out = new StringWriter();
        try (var writer = new VisibleWriter(out)) {
            for (char c : "\uD83D\uDE42\u001b\uD83Dx\uDE42".toCharArray()) {
                writer.write(c);
            }
            writer.write("\uD83D");
        }
        assertThat(out.toString()).isEqualTo("\uD83D\uDE42\\u001b\\ud83dx\\ude42\\ud83d");
    }

    @Test
    void aPrinterInFrontOfItLosesNothing() {
        var out = new StringWriter();
        var printer = new PrintWriter(new VisibleWriter(out), true);
        printer.print("a\u001b");
        printer.println("[0m");
        assertThat(out.toString()).isEqualTo("a\\u001b[0m" + System.lineSeparator());
    }

    @Test
    void flushingAndClosingReachWhatIsBehindIt() throws IOException {
        var out = new StringWriter();
        var writer = new VisibleWriter(new BufferedWriter(out));
        writer.write("ab\uD83D");
        assertThat(out.toString()).isEmpty();
        writer.flush();
        assertThat(out.toString()).isEqualTo("ab");
        writer.close();
        assertThat(out.toString()).isEqualTo("ab\\ud83d");
    }
}
