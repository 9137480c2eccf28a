package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The formats of files, in all their forms; what is broken is told with file and place. */
class TextFormatsTest {
    private static final String LINES = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
    private static final String ARRAY = "[\n{\"text\": \"one\"}, {\"id\": [1, {\"a\": \"]\\\"}\"}],\n\"text\": \"two\"}\n]\n";

    @TempDir
    private Path folder;

    @Test
    void markdownIsText() throws IOException {
        assertThat(texts(write("a.MD", "# Title\n"))).containsExactly("# Title\n");
    }

    @Test
    void anArrayGivesItsElements() throws IOException {
        Path file = write("a.json", ARRAY);
        assertThat(read(file)).containsExactly(new Document("a.json#1", "one"), new Document("a.json#2", "two"));
        assertThat(texts(write("b.json", "\uFEFF  " + ARRAY))).containsExactly("one", "two");
        assertThat(texts(write("c.json", "[]"), write("d.json", "[ {\"text\":\"x\"} ] "))).containsExactly("x");
        assertThat(texts(write("e.json", " ".repeat(60_000) + "\n" + ARRAY.replace(",", " ,\r\n ")))).containsExactly("one", "two");
    }

    @Test
    void aJsonFileMayHaveARecordOnEachLine() throws IOException {
        assertThat(texts(write("a.json", LINES))).containsExactly("one", "two");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "[{\"text\": \"a\"}, {\"text\": 7}]|element 2 (line 1, byte 16) has no text in field \"text\" but a number",
        "[{\"text\": \"a\"},~ {\"text\": nope}]|element 2 (line 2, byte 17) is not JSON",
        "[{\"text\": \"a\"}~,~ 3]|element 2 (line 3, byte 18) is not a JSON object",
        "[{\"text\": \"a\"}, {\"text\": \"b\"|ends in the middle of its JSON array, in or after element 2",
        "[{\"text\": \"a\"}|ends in the middle of its JSON array",
        "[{\"text\": \"a\"},]|element 2 (line 1, byte 15) is missing: there is nothing before the ']'",
        "[,{\"text\": \"a\"}]|element 1 (line 1, byte 1) is missing",
        "[{\"text\": \"a\"}] {\"text\": \"b\"}|more follows after the end of the JSON array, at line 1, byte 16",
        "[{\"text\": \"a\"} {\"text\": \"b\"}]|element 1 (line 1, byte 1) is not JSON: column 15: more follows",
        "[{\"text\": \"a\"}}]|is not JSON",
    })
    void aBrokenArrayIsToldWithItsElement(String content, String problem) throws IOException {
        Path file = write("a.json", content.replace('~', '\n'));
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining(problem).message().doesNotContain("\n");
    }

    @Test
    void anElementWithoutEndIsRefusedBeforeItFillsTheMemory() throws IOException {
        var bytes = new ByteArrayOutputStream();
        byte[] block = new byte[1 << 20];
        Arrays.fill(block, (byte) 'x');
        try (var out = new GZIPOutputStream(bytes)) {
            out.write("[{\"text\": \"".getBytes(StandardCharsets.UTF_8));
            for (int i = 0; i < 65; i++) {
                out.write(block);
            }
        }
        Path file = Files.write(folder.resolve("a.json.gz"), bytes.toByteArray());
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining("element 1")
                .hasMessageContaining("longer than 67,108,864 bytes");
    }

    @Test
    void zstdIsUnpackedWithAllItsFramesAndByItsContent() throws IOException {
        Path file = Files.write(folder.resolve("a.jsonl.zst"), join(zstd(LINES), zstd("{\"text\": \"three\"}\n")));
        assertThat(texts(file)).containsExactly("one", "two", "three");
        assertThat(texts(Files.write(folder.resolve("b.json"), zstd(ARRAY)))).containsExactly("one", "two");
        assertThat(texts(Files.write(folder.resolve("c.md.zst"), zstd("text")))).containsExactly("text");
        String large = "{\"text\": \"%s\"}\n".formatted("many words ".repeat(100)).repeat(3000);
        assertThat(texts(Files.write(folder.resolve("d.jsonl.zst"), zstd(large)))).hasSize(3000);
    }

    /** As {@code zstd --long=30} writes it; the library's own writer has no windows of more than 128 MiB. */
    @Test
    void aWindowOfAGibibyteIsRead() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var out = new ZstdOutputStreamNoFinalizer(bytes)) {
            byte[] lines = LINES.getBytes(StandardCharsets.UTF_8);
            // In two parts: where the length is known the frame has no window.
            out.write(lines, 0, 5);
            out.flush();
            out.write(lines, 5, lines.length - 5);
        }
        byte[] frame = bytes.toByteArray();
        frame[5] = (byte) (30 - 10 << 3);
        assertThat(texts(Files.write(folder.resolve("a.jsonl.zst"), frame))).containsExactly("one", "two");
    }

    @Test
    void brokenZstdIsToldWithItsPlace() throws IOException {
        byte[] whole = zstd("{\"text\": \"%s\"}\n".formatted("abcdefg").repeat(1000) + Math.PI);
        Path cut = Files.write(folder.resolve("a.jsonl.zst"), Arrays.copyOf(whole, whole.length - 5));
        assertThatThrownBy(() -> texts(cut)).isInstanceOf(CorpusException.class).hasMessageContaining(cut.toString())
                .hasMessageContaining("of the packed file").hasMessageContaining("is the file complete?");
        byte[] damaged = whole.clone();
        damaged[damaged.length - 2] ^= 0x55;
        Path other = Files.write(folder.resolve("b.jsonl.zst"), damaged);
        assertThatThrownBy(() -> texts(other)).isInstanceOf(CorpusException.class).hasMessageContaining(other.toString())
                .hasMessageContaining("checksum");
        Path plain = write("c.jsonl.zst", LINES);
        assertThatThrownBy(() -> texts(plain)).hasMessageContaining("not packed by zstd, although its name ends in .zst");
        Path empty = write("d.txt.zst", "");
        assertThatThrownBy(() -> texts(empty)).hasMessageContaining("it is empty");
        String packed = new String(zstd("text"), StandardCharsets.ISO_8859_1);
        Path twice = Files.write(folder.resolve("e.txt.zst"), zstd(packed, StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> texts(twice)).hasMessageContaining("not text but packed by zstd");
    }

    @Test
    void otherFilesAreCountedByTheirEndings() throws IOException {
        for (String name : List.of("a.csv", "b.csv", "c.CSV", "d.png", "LICENSE", "e.parquet.gz", "f.a very long ending")) {
            write(name, "x");
        }
        write("text.md", "text");
        try (DocumentReader reader = Corpus.of(List.of(folder), "text").open()) {
            assertThat(reader.extent().passedOver().otherKinds()).isEqualTo(
                    Map.of(".csv", 3L, ".png", 1L, "without ending", 2L, ".gz", 1L));
            assertThat(reader.extent().passedOver().inWords()).isEqualTo(
                    "; passed over: 7 files of other kinds (3 .csv, 2 without ending, 1 .gz, 1 .png)");
        }
    }

    private static List<Document> read(Path... files) {
        List<Document> documents = new ArrayList<>();
        try (DocumentReader reader = Corpus.of(List.of(files), "text").open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
        }
        return documents;
    }

    private static List<String> texts(Path... files) {
        return read(files).stream().map(Document::text).toList();
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private static byte[] zstd(String text) throws IOException {
        return zstd(text, StandardCharsets.UTF_8);
    }

    private static byte[] zstd(String text, Charset charset) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var out = new ZstdOutputStreamNoFinalizer(bytes, Zstd.defaultCompressionLevel())) {
            out.setChecksum(true);
            out.write(text.getBytes(charset));
        }
        return bytes.toByteArray();
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }
}
