package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
    @TempDir
    private Path folder;

    @Test
    void aTextFileIsOneDocument() throws IOException {
        Path file = write("a.txt", "  indented\n\u00e9\uD83D\uDE42\n");
        assertThat(read(file)).containsExactly(new Document("a.txt#1", "  indented\n\u00e9\uD83D\uDE42\n"));
    }

    @Test
    void aByteOrderMarkIsNoPartOfTheText() throws IOException {
        assertThat(read(write("a.txt", "\uFEFF text"))).extracting(Document::text).containsExactly(" text");
    }

    @Test
    void jsonLinesGiveTheFieldAskedFor() throws IOException {
        Path file = write("a.jsonl", """
                {"text": "one", "title": "first"}

                {"title": "second", "text": "two\\nlines \\u00e9"}
                {"text": "  ", "title": "blank"}
                {"text": "three"}""");
        assertThat(read(file)).containsExactly(new Document("a.jsonl#1", "one"), new Document("a.jsonl#3", "two\nlines \u00e9"),
                new Document("a.jsonl#5", "three"));
        assertThat(texts(Corpus.of(List.of(write("b.jsonl", "{\"title\": \"t\"}\r\n")), "title"))).containsExactly("t");
    }

    @Test
    void aRecordWithoutTheFieldIsNamedWithTheFieldsItHas() throws IOException {
        Path file = write("a.jsonl", "{\"text\": \"one\"}\n{\"content\": \"x\", \"id\": 3}\n");
        assertThatThrownBy(() -> read(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining("line 2 (byte 16)").hasMessageContaining("\"text\"").hasMessageContaining("[content, id]");
    }

    @Test
    void aLineThatIsNoJsonIsNamed() throws IOException {
        Path broken = write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"tw\n");
        assertThatThrownBy(() -> read(broken)).isInstanceOf(CorpusException.class).hasMessageContaining("line 2").hasMessageContaining("not JSON");
        Path array = write("b.jsonl", "[1]\n");
        assertThatThrownBy(() -> read(array)).isInstanceOf(CorpusException.class).hasMessageContaining("line 1").hasMessageContaining("object");
    }

    @Test
    void gzipIsUnpacked() throws IOException {
        Path text = Files.write(folder.resolve("a.txt.gz"), gzip("packed"));
        Path records = Files.write(folder.resolve("b.JSONL.GZ"), gzip("{\"text\": \"record\"}"));
        assertThat(texts(Corpus.of(List.of(records, text), "text"))).containsExactly("record", "packed");
    }

    @Test
    void aGzipFileCutShortIsNamed() throws IOException {
        byte[] whole = gzip("a long text, ".repeat(1000) + Math.PI);
        Path cut = Files.write(folder.resolve("a.txt.gz"), Arrays.copyOf(whole, whole.length - 9));
        assertThatThrownBy(() -> read(cut)).isInstanceOf(CorpusException.class).hasMessageContaining(cut.toString())
                .hasMessageContaining("is the file complete?");
        Path none = write("b.txt.gz", "not packed at all");
        assertThatThrownBy(() -> read(none)).isInstanceOf(CorpusException.class).hasMessageContaining(none.toString());
    }

    @Test
    void anArchiveIsReadInTheOrderOfItsPaths() throws IOException {
        Path archive = folder.resolve("a.zip");
        try (var zip = new ZipOutputStream(Files.newOutputStream(archive))) {
            entry(zip, "z.txt", bytes("last"));
            entry(zip, "b/two.jsonl.gz", gzip("{\"text\": \"2a\"}\n{\"text\": \"2b\"}\n"));
            entry(zip, "a/readme.rst", bytes("passed over"));
            entry(zip, "b/one.txt", bytes("first"));
        }
        assertThat(read(archive)).containsExactly(new Document("b/one.txt#1", "first"), new Document("b/two.jsonl.gz#1", "2a"),
                new Document("b/two.jsonl.gz#2", "2b"), new Document("z.txt#1", "last"));
    }

    @Test
    void anArchiveOrFolderWithoutTextIsRefused() throws IOException {
        Path archive = folder.resolve("a.zip");
        try (var zip = new ZipOutputStream(Files.newOutputStream(archive))) {
            entry(zip, "readme.rst", bytes("x"));
        }
        assertThatThrownBy(() -> read(archive)).isInstanceOf(CorpusException.class)
                .hasMessageContaining(archive.toString()).hasMessageContaining(".jsonl");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThatThrownBy(() -> read(empty)).isInstanceOf(CorpusException.class)
                .hasMessageContaining(empty.toString()).hasMessageContaining(".jsonl");
    }

    @Test
    void aFolderIsReadInTheOrderOfItsPaths() throws IOException {
        Files.createDirectories(folder.resolve("deep/er"));
        write("deep/er/b.txt", "2");
        write("deep/a.txt", "1");
        write("x.txt", "3");
        write("x.bin", "passed over");
        assertThat(read(folder)).containsExactly(
                new Document("deep/a.txt#1", "1"), new Document("deep/er/b.txt#1", "2"), new Document("x.txt#1", "3"));
    }

    @Test
    void anUnknownKindOrAMissingFileIsRefusedAtOnce() throws IOException {
        Path table = write("a.csv", "x");
        assertThatThrownBy(() -> Corpus.of(List.of(table), "text")).isInstanceOf(CorpusException.class).hasMessageContaining(table.toString())
                .hasMessageContaining(".txt").hasMessageContaining(".jsonl").hasMessageContaining(".gz").hasMessageContaining(".zip");
        Path missing = folder.resolve("missing.txt");
        assertThatThrownBy(() -> Corpus.of(List.of(missing), "text")).isInstanceOf(CorpusException.class).hasMessageContaining("does not exist");
        assertThatThrownBy(() -> Corpus.of(List.of(), "text")).isInstanceOf(CorpusException.class).hasMessageContaining("no file");
    }

    @Test
    void malformedUtf8IsNamedWithItsOffset() throws IOException {
        var text = new ByteArrayOutputStream();
        text.write(bytes("caf\u00e9 "));
        text.write(0xE9);
        text.write(bytes(" latin"));
        Path file = Files.write(folder.resolve("a.txt"), text.toByteArray());
        assertThatThrownBy(() -> read(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining("0xE9 at offset 6").hasMessageContaining("UTF-8");

        var records = new ByteArrayOutputStream();
        records.write(bytes("{\"text\": \"ok\"}\n{\"text\": \""));
        records.write(0xFF);
        records.write(bytes("\"}\n"));
        Path lines = Files.write(folder.resolve("b.jsonl"), records.toByteArray());
        assertThatThrownBy(() -> read(lines)).isInstanceOf(CorpusException.class).hasMessageContaining("0xFF at offset 25");
    }

    @Test
    void aLongTextIsCutAtLineEndsAndLosesNothing() throws IOException {
        String text = IntStream.range(0, 60_000).mapToObj(i -> "line " + i + " with \u00e9, \u732b and \uD83D\uDE80")
                .collect(Collectors.joining("\n"));
        List<String> parts = texts(Corpus.of(List.of(write("a.txt", text)), "text"));
        assertThat(parts).hasSizeGreaterThan(1).allSatisfy(part -> assertThat(bytes(part)).hasSizeLessThanOrEqualTo(1 << 20));
        assertThat(parts.subList(0, parts.size() - 1)).allSatisfy(part -> assertThat(part).endsWith("\n"));
        assertThat(String.join("", parts)).isEqualTo(text);
    }

    @Test
    void aLongLineIsCutBetweenCharacters() throws IOException {
        String text = "x" + "\u732b".repeat(800_000);
        assertThat(String.join("", texts(Corpus.of(List.of(write("a.txt", text)), "text")))).isEqualTo(text);
    }

    @Test
    void anErrorFarIntoALongTextHasItsOffsetInTheFile() throws IOException {
        byte[] bytes = bytes("0123456789\n".repeat(250_000));
        bytes[2_500_000] = (byte) 0x80;
        Path file = Files.write(folder.resolve("a.txt"), bytes);
        assertThatThrownBy(() -> read(file)).isInstanceOf(CorpusException.class).hasMessageContaining("offset 2500000");
    }

    @Test
    void trainingAndHeldOutShareNothingAndMissNothing() throws IOException {
        String lines = IntStream.range(0, 4000).mapToObj(i -> "{\"text\": \"document " + i + "\"}").collect(Collectors.joining("\n"));
        var corpus = Corpus.of(List.of(write("a.jsonl", lines)), "text");
        List<String> heldOut = texts(corpus.heldOut(0.1));
        List<String> training = texts(corpus.training(0.1));
        assertThat(heldOut).hasSizeBetween(330, 470).doesNotContainAnyElementsOf(training);
        assertThat(training.size() + heldOut.size()).isEqualTo(4000);
        var all = new HashSet<>(training);
        all.addAll(heldOut);
        assertThat(all).hasSize(4000);
        assertThat(texts(corpus.heldOut(0.1))).isEqualTo(heldOut);
        assertThat(texts(corpus.heldOut(0.3))).containsAll(heldOut);
    }

    private List<Document> read(Path path) {
        List<Document> documents = new ArrayList<>();
        try (DocumentReader reader = Corpus.of(List.of(path), "text").open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
            assertThat(reader.next()).isNull();
        }
        return documents;
    }

    private static List<String> texts(Corpus corpus) {
        List<String> texts = new ArrayList<>();
        try (DocumentReader reader = corpus.open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                texts.add(document.text());
            }
        }
        return texts;
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] gzip(String text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(bytes(text));
        }
        return bytes.toByteArray();
    }

    private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(content);
        zip.closeEntry();
    }

    @Test
    void gitLfsPointersAreNoText() throws IOException {
        for (String name : List.of("text.txt", "text.jsonl", "text.txt.gz", "text.zip")) {
            Path file = Files.writeString(folder.resolve(name), "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 29\n");
            assertThatThrownBy(() -> read(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file + " is a pointer of Git LFS");
            Files.delete(file);
        }
    }
}
