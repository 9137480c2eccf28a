package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

/** Reading all members of a gzip file, and nothing but those. */
class GzipStreamTest {
    @Test
    void membersAreReadOneBehindTheOther() throws IOException {
        byte[] file = join(gzip("first\n"), gzip(""), gzip("third"), new byte[512]);
        assertThat(text(file)).isEqualTo("first\nthird");
        assertThat(text(join(gzip("a")))).isEqualTo("a");
    }

    @Test
    void everyFieldOfAHeaderIsPassedOver() throws IOException {
        byte[] plain = gzip("text");
        byte[] body = Arrays.copyOfRange(plain, 10, plain.length);
        byte[] header = {0x1F, (byte) 0x8B, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3, 5, 0, 'e', 'x', 't', 'r', 'a', 'n', 0, 'r', 'e', 0, 7, 7};
        assertThat(text(join(header, body, header, body))).isEqualTo("texttext");
    }

    @Test
    void aMemberMayEndAnywhereInTheBuffer() throws IOException {
        var random = new Random(5);
        var text = new StringBuilder();
        var file = new ByteArrayOutputStream();
        for (int member = 0; member < 40; member++) {
            byte[] part = new byte[random.nextInt(20_000)];
            random.nextBytes(part);
            String hex = HexFormat.of().formatHex(part);
            text.append(hex);
            file.write(gzip(hex));
        }
        assertThat(text(file.toByteArray())).isEqualTo(text.toString());
    }

    @Test
    void itReadsWhatTheRuntimesReaderReads() throws IOException {
        byte[] file = join(gzip("a".repeat(300_000)), gzip("b".repeat(70_000)));
        try (var theirs = new GZIPInputStream(new ByteArrayInputStream(file))) {
            assertThat(text(file)).isEqualTo(new String(theirs.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void aDamagedMemberIsAnErrorWhereverItIs() throws IOException {
        byte[] first = gzip("the first member");
        byte[] second = gzip("the second member, which is longer than the first");
        for (int at = 0; at < second.length; at++) {
            if (at >= 4 && at < 10) {
                continue;       // its time and its system: nothing depends on them
            }
            byte[] damaged = join(first, second);
            damaged[first.length + at] ^= 0x55;
            int place = at;
            assertThatThrownBy(() -> text(damaged)).as("byte %d of the second member", place).isInstanceOf(IOException.class)
                    .hasMessageMatching("(?s).*gzip member [12] .*byte.*");
        }
    }

    @Test
    void aMemberCutShortIsAnErrorWhereverItIsCut() throws IOException {
        byte[] first = gzip("the first member");
        byte[] whole = join(first, gzip("the second member"));
        for (int length = first.length + 1; length < whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> text(cut)).as("cut to %d bytes", length).isInstanceOf(IOException.class).hasMessageContaining("gzip member");
        }
    }

    @Test
    void whatIsAppendedIsAnError() throws IOException {
        byte[] first = gzip("first");
        byte[] text = "plain text\n".getBytes(StandardCharsets.UTF_8);
        for (byte[] more : new byte[][] {{'{'}, text, {0, 0, 1}, {0x1F}, {0x1F, 0x00}, join(new byte[8], first)}) {
            assertThatThrownBy(() -> text(join(first, more))).isInstanceOf(IOException.class).hasMessageContaining("after gzip member 1");
        }
    }

    @Test
    void anotherChecksumOrSizeIsAnError() throws IOException {
        byte[] file = gzip("text");
        var crc = new CRC32();
        crc.update("texu".getBytes(StandardCharsets.UTF_8));
        for (int i = 0; i < 4; i++) {
            file[file.length - 8 + i] = (byte) (crc.getValue() >>> 8 * i);
        }
        assertThatThrownBy(() -> text(file)).hasMessageContaining("does not have its checksum");
        byte[] size = gzip("text");
        size[size.length - 4]++;
        assertThatThrownBy(() -> text(size)).hasMessageContaining("does not have its checksum");
    }

    @Test
    void thePositionIsThatInThePackedFile() throws IOException {
        byte[] file = join(gzip("first"), gzip("second"));
        try (var stream = new GzipStream(new ByteArrayInputStream(file))) {
            byte[] text = new byte[5];
            assertThat(stream.read(text)).isEqualTo(5);
            assertThat(stream.position()).isBetween(10L, (long) gzip("first").length);
            stream.readAllBytes();
            assertThat(stream.position()).isEqualTo(file.length);
        }
    }

    @Test
    void whatFollowsIsSaidWithItsPlace() throws IOException {
        byte[] member = gzip("text");
        assertThatThrownBy(() -> text(join(member, new byte[] {'{', '}'})))
                .hasMessageContaining("after gzip member 1 what follows at byte %d is".formatted(member.length));
        assertThatThrownBy(() -> text(join(member, member, new byte[] {0, 0, 7})))
                .hasMessageContaining("after gzip member 2 what follows at byte %d is".formatted(2 * member.length + 2));
    }

    @Test
    void closingItClosesTheFile() throws IOException {
        boolean[] closed = {false};
        var file = new ByteArrayInputStream(gzip("text")) {
            @Override
            public void close() {
                closed[0] = true;
            }
        };
        var stream = new GzipStream(file);
        assertThat(closed[0]).isFalse();
        stream.close();
        assertThat(closed[0]).isTrue();
    }

    private static String text(byte[] file) throws IOException {
        try (var stream = new GzipStream(new ByteArrayInputStream(file))) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static byte[] gzip(String text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }

    private static byte[] join(byte[]... parts) {
        var bytes = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            bytes.writeBytes(part);
        }
        return bytes.toByteArray();
    }
}
