package kept.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which bytes are text in UTF-8, and what the others are called. */
class TextFilesTest {
    @TempDir
    private Path folder;

    @Test
    void encodingsWithAMarkAreTold() {
        String text = "\uFEFFab";
        for (String name : List.of("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE")) {
            byte[] bytes = text.getBytes(Charset.forName(name));
            assertThat(TextFiles.otherEncoding(bytes, bytes.length)).as(name).contains(name);
            assertThatThrownBy(() -> TextFiles.decode(bytes)).isInstanceOf(EncodingException.class)
                    .hasMessage("it is not UTF-8 but %s: convert it, for example with iconv -f %1$s -t UTF-8".formatted(name));
        }
        assertThat(TextFiles.otherEncoding("\uFEFF".getBytes(StandardCharsets.UTF_16LE), 2)).contains("UTF-16LE");
        assertThat(TextFiles.otherEncoding("\uFEFF".getBytes(StandardCharsets.UTF_16BE), 2)).contains("UTF-16BE");
        assertThat(TextFiles.otherEncoding("\uFEFF".getBytes(Charset.forName("UTF-32LE")), 4)).contains("UTF-32LE");
        assertThat(TextFiles.otherEncoding("\uFEFF".getBytes(Charset.forName("UTF-32BE")), 4)).contains("UTF-32BE");
    }

    @Test
    void encodingsOfTwoBytesAreSeenWithoutAMark() {
        for (String name : List.of("UTF-16LE", "UTF-16BE")) {
            for (String text : List.of("ab", "{\"key\": 1}", "a\u00E9bc".substring(2))) {
                byte[] bytes = text.getBytes(Charset.forName(name));
                assertThat(TextFiles.otherEncoding(bytes, bytes.length)).as("%s in %s", text, name).contains(name);
            }
        }
    }

    @Test
    void zerosElsewhereAreNoEncoding() {
        for (byte[] bytes : new byte[][] {{}, {'a'}, {'a', 0}, {0, 'a'}, {'a', 0, 'b'}, {'a', 0, 'b', 'c'}, {'a', 'b', 'c', 0}, {'a', 'b', 0, 0},
                {'a', 0, 0, 0}, {0, 0, 0, 0}, {0, 'a', 'b', 'c'}, {0, 'a', 0, 0}, {0, 'a', 'b', 0}, {0, 0, 0, 'a'}, {0, 0, 'a', 0},
                {(byte) 0xC3, (byte) 0xA9, 'b', 'c'}, {(byte) 0xC3, 0, 'b', 0}, {'a', 0, (byte) 0xC3, 0}, {0, (byte) 0xC3, 0, 'a'},
                {0, 'a', 0, (byte) 0xC3}, {0, 1, (byte) 0xFE, (byte) 0xFF}, {0, 0, (byte) 0xFE, 0}, {0, 0, 0, (byte) 0xFF}}) {
            assertThat(TextFiles.otherEncoding(bytes, bytes.length)).as(Arrays.toString(bytes)).isEmpty();
        }
    }

    @Test
    void aMarkOfUtf8IsNoText() throws IOException {
        assertThat(TextFiles.decode("\uFEFFtext".getBytes(StandardCharsets.UTF_8))).isEqualTo("text");
        assertThat(TextFiles.decode("text\uFEFF".getBytes(StandardCharsets.UTF_8))).isEqualTo("text\uFEFF");
    }

    @Test
    void theFirstByteThatIsNoUtf8IsTold() {
        for (int place : new int[] {0, 1, 7}) {
            byte[] bytes = "abcdefgh".getBytes(StandardCharsets.UTF_8);
            bytes[place] = (byte) 0xE9;
            assertThatThrownBy(() -> TextFiles.decode(bytes)).isInstanceOf(EncodingException.class)
                    .hasMessage("it is not UTF-8: byte 0xE9 at offset %d; convert it to UTF-8", place);
        }
    }

    @Test
    void aTextOfTheLargestSizeIsReadAndALargerOneRefused() throws IOException {
        Path file = folder.resolve("large");
        byte[] bytes = new byte[TextFiles.MAX_BYTES + 1];
        Arrays.fill(bytes, (byte) 'a');
        Files.write(file, Arrays.copyOf(bytes, TextFiles.MAX_BYTES));
        assertThat(TextFiles.read(file).length()).isEqualTo(TextFiles.MAX_BYTES);
        Files.write(file, bytes);
        assertThatThrownBy(() -> TextFiles.read(file)).isInstanceOf(IOException.class)
                .hasMessageContaining("it has more than %,d bytes, too many for what it is", TextFiles.MAX_BYTES);
    }

    @Test
    void aPointerOfAnyLengthUpToTheLargestIsTold() {
        String begun = "version https://git-lfs.github.com/spec/";
        for (int length : new int[] {begun.length(), 200, LfsPointer.MAX_BYTES}) {
            byte[] bytes = (begun + "x".repeat(length - begun.length())).getBytes(StandardCharsets.UTF_8);
            assertThat(LfsPointer.problem(bytes, length)).as("%d bytes", length).contains(LfsPointer.PROBLEM);
            assertThatThrownBy(() -> TextFiles.decode(bytes)).hasMessage("it " + LfsPointer.PROBLEM);
        }
        byte[] longer = (begun + "x".repeat(LfsPointer.MAX_BYTES)).getBytes(StandardCharsets.UTF_8);
        assertThat(LfsPointer.problem(longer, LfsPointer.MAX_BYTES + 1)).isEmpty();
        byte[] shorter = begun.substring(0, 10).getBytes(StandardCharsets.UTF_8);
        assertThat(LfsPointer.problem(shorter, shorter.length)).isEmpty();
    }

    @Test
    void countsHaveTheirPlural() {
        assertThat(Counts.of(1, "file")).isEqualTo("1 file");
        assertThat(Counts.of(0, "file")).isEqualTo("0 files");
        assertThat(Counts.of(1200, "file")).isEqualTo("1,200 files");
    }

    @Test
    void theFirstWordsOfAPointerAloneAreItsBeginning() {
        byte[] words = "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);
        assertThat(LfsPointer.isBegun(words, words.length)).isTrue();
        assertThat(LfsPointer.isBegun(words, words.length - 1)).isFalse();
    }
}
