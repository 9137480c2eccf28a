package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Corpora as systems, tools and accidents leave them: read right, or told in words of our own. */
class OddCorpusFilesTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"a.jsonl", "a.jsonl.gz"})
    void aByteOrderMarkIsNoPartOfTheFirstRecord(String name) throws IOException {
        assertThat(texts(write(name, "\uFEFF{\"text\": \"one\"}\n{\"text\": \"two\"}\n"))).containsExactly("one", "two");
    }

    @ParameterizedTest
    @CsvSource({"UTF-16LE,UTF-16LE", "UTF-16BE,UTF-16BE", "UTF-32LE,UTF-32LE", "UTF-32BE,UTF-32BE"})
    void anotherEncodingIsToldByItsByteOrderMark(String encoding, String told) throws IOException {
        for (String name : new String[] {"a.jsonl", "b.txt"}) {
            Path file = Files.write(folder.resolve(name), "\uFEFF{\"text\": \"one\"}".getBytes(Charset.forName(encoding)));
            assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                    .hasMessageContaining(told + ", by its first bytes").hasMessageContaining("iconv -f " + told);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16LE", "UTF-16BE"})
    void anotherEncodingWithoutAMarkIsToldByItsZeros(String encoding) throws IOException {
        for (String name : new String[] {"a.jsonl", "b.txt"}) {
            Path file = Files.write(folder.resolve(name), "{\"text\": \"one\"}".getBytes(Charset.forName(encoding)));
            assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining("iconv -f " + encoding);
        }
    }

    @Test
    void aSecondObjectOnALineIsNotLost() throws IOException {
        Path file = write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}{\"text\": \"three\"}\n");
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(
                file + ", line 2 (byte 16) is not JSON: column 16: more follows after the end of the value: \"{\"text\": \"three\"}\"");
        Path comma = write("b.jsonl", "{\"text\": \"one\"},\n");
        assertThatThrownBy(() -> texts(comma)).hasMessageContaining("line 1").hasMessageContaining("not JSON near");
        Path twice = write("c.jsonl", "{\"text\": \"one\", \"text\": \"two\"}\n");
        assertThatThrownBy(() -> texts(twice)).hasMessageContaining("line 1").hasMessageContaining("the key \"text\" occurs twice");
    }

    @Test
    void linesEndAsAnySystemEndsThem() throws IOException {
        String one = "{\"text\": \"one\"}";
        String bad = "{\"text\": 1}";
        for (String end : new String[] {"\n", "\r\n", "\r"}) {
            assertThat(texts(write("a.jsonl", one + end + end + one.replace("one", "two") + end))).containsExactly("one", "two");
            Path file = write("b.jsonl", one + end + one + end + bad + end);
            assertThatThrownBy(() -> texts(file)).as(end).hasMessageContaining("line 3 (byte %d)".formatted(2 * (one.length() + end.length())));
        }
        assertThat(texts(write("a.jsonl", "{\"text\": \"a\u2028b\u2029c\u0085d\"}\n\f\n \u2028\n"))).containsExactly("a\u2028b\u2029c\u0085d");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"text\": 7}|no text in field \"text\" but a number: 7",
        "{\"text\": true}|no text in field \"text\" but a truth value: true",
        "{\"text\": [\"a\"]}|no text in field \"text\" but a list: [\"a\"]",
        "{\"text\": {\"a\": 1}}|no text in field \"text\" but an object: {\"a\":1}",
        "{\"Text\": \"a\", \"id\\u001b\": 1}|no field \"text\"; its fields are [Text, id\\u001b]; --text-field (of --calibration: ",
        "{}|no field \"text\"; its fields are []",
        "[\"text\"]|is not a JSON object",
        "\"text\"|is not a JSON object",
        "{\"text\": \"half \\ud83d of it\"}|half of a surrogate pair in field \"text\", \\ud83d",
        "{\"text\": \"\\udc00\"}|half of a surrogate pair",
        "{\"text\": nope}|is not JSON: column",
        "{\"text\": \"a|is not JSON: column",
    })
    void aRecordThatIsNotTextIsToldWithItsLine(String line, String problem) throws IOException {
        Path file = write("a.jsonl", "{\"text\": \"good \\ud83d\\ude42\"}\n" + line + "\n");
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file + ", line 2 (byte 30)")
                .hasMessageContaining(problem).message().doesNotContain("Unexpected", "StreamRead", "Source:", "fasterxml");
    }

    @Test
    void recordsWithoutTextAreCounted() throws IOException {
        Path file = write("a.jsonl", "{\"text\": null}\n{\"text\": \"one\", \"score\": NaN, \"x\": [-Infinity]}\n\n"
                + "{\"text\": \" \\n\"}\n{\"text\": \"\"}\n");
        try (DocumentReader reader = Corpus.of(List.of(file), "text").open()) {
            assertThat(reader.next().text()).isEqualTo("one");
            assertThat(reader.extent().passedOver().emptyRecords()).isEqualTo(1);
            assertThat(reader.next()).isNull();
            assertThat(reader.extent().passedOver()).isEqualTo(new PassedOver(0, Map.of(), 0, 3, 0));
        }
    }

    @Test
    void aStringMayBeLongerThanTheLibraryAllows() throws IOException {
        String text = "x".repeat(20_000_001);
        assertThat(texts(write("a.jsonl", "{\"text\": \"" + text + "\"}\n"))).containsExactly(text);
    }

    @Test
    void aLineWithoutEndIsRefusedBeforeItFillsTheMemory() throws IOException {
        Path file = folder.resolve("a.jsonl.gz");
        byte[] block = new byte[1 << 20];
        Arrays.fill(block, (byte) 'x');
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write("{\"text\": \"fine\"}\n{\"text\": \"".getBytes(StandardCharsets.UTF_8));
            for (int i = 0; i < 65; i++) {
                out.write(block);
            }
        }
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class)
                .hasMessageContaining(file + " (unpacked), line 2 (byte 17) is longer than 67,108,864 bytes");
    }

    @Test
    void whatIsPackedIsReadByItsContentOrToldByName() throws IOException {
        Path renamed = Files.write(folder.resolve("a.jsonl"), gzip("{\"text\": \"one\"}\n"));
        assertThat(texts(renamed)).containsExactly("one");
        Path twice = Files.write(folder.resolve("b.txt.gz"), gzip(gzip("text")));
        assertThatThrownBy(() -> texts(twice)).hasMessageContaining(twice.toString()).hasMessageContaining("not text but packed by gzip");
        Path not = write("c.txt.gz", "plain");
        assertThatThrownBy(() -> texts(not)).hasMessageContaining("not packed by gzip, although its name ends in .gz");
        Path empty = write("d.txt.gz", "");
        assertThatThrownBy(() -> texts(empty)).hasMessageContaining("it is empty");
        Path archive = Files.write(folder.resolve("e.txt"), zip("a.txt", "x"));
        assertThatThrownBy(() -> texts(archive)).hasMessageContaining("not text but a zip archive");
        Path zstd = Files.write(folder.resolve("f.jsonl"), new byte[] {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0, 0, 0});
        assertThatThrownBy(() -> texts(zstd)).hasMessageContaining("zstd data up to byte 7 of the packed file: truncated source");
        Path text = write("g.zip", "no archive");
        assertThatThrownBy(() -> texts(text)).hasMessageContaining(text.toString()).hasMessageContaining("damaged, cut short, or no such archive");
    }

    @Test
    void aSecondGzipMemberIsReadOrItsDamageTold() throws IOException {
        byte[] first = gzip("{\"text\": \"one\"}\n");
        byte[] second = gzip("{\"text\": \"two\"}\n");
        Path whole = Files.write(folder.resolve("a.jsonl.gz"), join(first, second));
        assertThat(texts(whole)).containsExactly("one", "two");
        second[1] = 0;
        Path damaged = Files.write(folder.resolve("b.jsonl.gz"), join(first, second));
        assertThatThrownBy(() -> texts(damaged)).isInstanceOf(CorpusException.class).hasMessageContaining(damaged.toString())
                .hasMessageContaining("after gzip member 1");
        Path appended = Files.write(folder.resolve("c.jsonl.gz"), join(first, "{\"text\": \"two\"}\n".getBytes(StandardCharsets.UTF_8)));
        assertThatThrownBy(() -> texts(appended)).hasMessageContaining("after gzip member 1");
    }

    @Test
    void hiddenFilesAndOtherKindsArePassedOverAndCounted() throws IOException {
        Files.createDirectories(folder.resolve("in/.git"));
        Files.createDirectories(folder.resolve("in/__MACOSX/deep"));
        Files.createDirectories(folder.resolve("in/.ipynb_checkpoints"));
        Path in = folder.resolve("in");
        Files.writeString(in.resolve("a.txt"), "text");
        Files.writeString(in.resolve("._a.txt"), "resource");
        Files.writeString(in.resolve(".DS_Store"), "x");
        Files.writeString(in.resolve("readme.rst"), "x");
        Files.writeString(in.resolve(".git/config.txt"), "x");
        Files.writeString(in.resolve("__MACOSX/deep/b.txt"), "x");
        Files.write(in.resolve("none.zip"), zip("readme.rst", "x"));
        try (DocumentReader reader = Corpus.of(List.of(in), "text").open()) {
            assertThat(reader.next()).isEqualTo(new Document("a.txt#1", "text"));
            assertThat(reader.next()).isNull();
            assertThat(reader.extent()).isEqualTo(new TextExtent(1, 1, 4, 4, new PassedOver(5, Map.of(".rst", 2L), 0, 0, 0)));
        }
        assertThat(texts(Files.writeString(in.resolve("._named.txt"), "by name"))).containsExactly("by name");
        Path archive = Files.write(folder.resolve("a.zip"),
                zip("a.txt", "one", "__MACOSX/._a.txt", "\u0000\u0005", "d/.hidden/x.jsonl", "x", "b.zip", "x"));
        try (DocumentReader reader = Corpus.of(List.of(archive), "text").open()) {
            assertThat(reader.next().text()).isEqualTo("one");
            assertThat(reader.next()).isNull();
            assertThat(reader.extent()).isEqualTo(new TextExtent(1, 1, 3, 3, new PassedOver(2, Map.of(".zip", 1L), 0, 0, 0)));
        }
        Path onlyHidden = Files.createDirectory(folder.resolve("hidden"));
        Files.writeString(onlyHidden.resolve("._a.txt"), "x");
        assertThatThrownBy(() -> Corpus.of(List.of(onlyHidden), "text")).hasMessageContaining("holds no text")
                .hasMessageContaining("passed over: 1 hidden file or folder");
    }

    /** A text that is read twice could be held out and learnt from. */
    @Test
    void aFileThatIsGivenTwiceIsReadOnce() throws IOException {
        Path in = Files.createDirectory(folder.resolve("in"));
        Path a = Files.writeString(in.resolve("a.txt"), "one");
        Path archive = Files.write(in.resolve("b.zip"), zip("c.txt", "two"));
        Path link = Files.createSymbolicLink(folder.resolve("link.txt"), a);
        Path again = folder.resolve("in").resolve("..").resolve("in");
        try (DocumentReader reader = Corpus.of(List.of(a, link, in, archive, again, a), "text").open()) {
            assertThat(reader.next().text()).isEqualTo("one");
            assertThat(reader.next().text()).isEqualTo("two");
            assertThat(reader.next()).isNull();
            assertThat(reader.extent()).isEqualTo(new TextExtent(2, 2, 6, 6, new PassedOver(0, Map.of(), 0, 0, 6)));
        }
    }

    @Test
    void linksAreFollowedAndCirclesAreNot() throws IOException {
        Path in = Files.createDirectory(folder.resolve("in"));
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.writeString(elsewhere.resolve("far.txt"), "far");
        Files.writeString(in.resolve("near.txt"), "near");
        Files.createSymbolicLink(in.resolve("linked"), elsewhere);
        Files.createSymbolicLink(in.resolve("circle"), in);
        Files.createSymbolicLink(in.resolve("broken.txt"), folder.resolve("nowhere"));
        try (DocumentReader reader = Corpus.of(List.of(in), "text").open()) {
            assertThat(reader.next()).isEqualTo(new Document("linked/far.txt#1", "far"));
            assertThat(reader.next()).isEqualTo(new Document("near.txt#1", "near"));
            assertThat(reader.next()).isNull();
            assertThat(reader.extent().passedOver()).isEqualTo(new PassedOver(0, Map.of(), 2, 0, 0));
        }
        Path broken = in.resolve("broken.txt");
        assertThatThrownBy(() -> Corpus.of(List.of(broken), "text")).hasMessageContaining("is a link to nothing");
    }

    @Test
    void anEntryThatIsDamagedIsTold() throws IOException {
        byte[] stored = storedZip("a.txt", "the text of an entry");
        int at = new String(stored, StandardCharsets.ISO_8859_1).indexOf("entry");
        stored[at] = 'E';
        Path file = Files.write(folder.resolve("a.zip"), stored);
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file + ", entry a.txt")
                .hasMessageContaining("does not have the size and checksum");
        byte[] packed = zip("b.jsonl", "{\"text\": \"" + "abc".repeat(100) + "\"}\n");
        packed[40] ^= 0x7F;
        Path broken = Files.write(folder.resolve("b.zip"), packed);
        assertThatThrownBy(() -> texts(broken)).isInstanceOf(CorpusException.class).hasMessageContaining("entry b.jsonl");
        Path cut = Files.write(folder.resolve("c.zip"), Arrays.copyOf(packed, packed.length - 30));
        assertThatThrownBy(() -> texts(cut)).hasMessageContaining(cut.toString()).hasMessageContaining("damaged, cut short");
    }

    @Test
    void entriesOfOneNameAreRefusedBecauseOneWouldBeLost() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var out = new ZipOutputStream(bytes)) {
            for (String name : List.of("a.txt", "b.txt", "c.txt")) {
                out.putNextEntry(new ZipEntry(name));
                out.write(name.getBytes(StandardCharsets.UTF_8));
            }
        }
        String renamed = bytes.toString(StandardCharsets.ISO_8859_1).replace("c.txt", "a.txt");
        Path file = Files.write(folder.resolve("two.zip"), renamed.getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Corpus.of(List.of(file), "text")).isInstanceOf(CorpusException.class)
                .hasMessage("[corpus] the archive " + file + " has two entries called a.txt, of which only one can be read: unpack it "
                        + "and rename one");
    }

    @Test
    void anEncryptedArchiveIsTold() throws IOException {
        byte[] archive = zip("a.txt", "x");
        String text = new String(archive, StandardCharsets.ISO_8859_1);
        archive[text.indexOf("PK\u0001\u0002") + 8] |= 1;
        archive[6] |= 1;
        Path file = Files.write(folder.resolve("a.zip"), archive);
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining("it is encrypted");
    }

    @Test
    void entriesNamedInAnOldEncodingAreRead() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(bytes, StandardCharsets.ISO_8859_1)) {
            zip.putNextEntry(new ZipEntry("caf\u00e9.txt"));
            zip.write("text".getBytes(StandardCharsets.UTF_8));
            zip.closeEntry();
        }
        assertThat(texts(Files.write(folder.resolve("a.zip"), bytes.toByteArray()))).containsExactly("text");
    }

    @Test
    void anArchiveInsideIsToldAsSuchAndAnEntryMayBePacked() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry("in.jsonl"));
            zip.write(gzip("{\"text\": \"packed\"}\n"));
            zip.closeEntry();
            zip.putNextEntry(new ZipEntry("zip.txt"));
            zip.write(zip("a.txt", "x"));
            zip.closeEntry();
        }
        Path file = Files.write(folder.resolve("a.zip"), bytes.toByteArray());
        try (DocumentReader reader = Corpus.of(List.of(file), "text").open()) {
            assertThat(reader.next().text()).isEqualTo("packed");
            assertThatThrownBy(reader::next).hasMessageContaining(file + ", entry zip.txt is not text but a zip archive");
        }
    }

    @Test
    void endlessWhiteSpaceIsNoText() throws IOException {
        Path file = folder.resolve("a.txt.gz");
        var member = new ByteArrayOutputStream();
        byte[] block = new byte[1 << 22];
        Arrays.fill(block, (byte) ' ');
        try (OutputStream out = new GZIPOutputStream(member)) {
            for (int i = 0; i < 16; i++) {
                out.write(block);
            }
        }
        try (OutputStream out = Files.newOutputStream(file)) {
            for (int i = 0; i < 17; i++) {
                out.write(member.toByteArray());
            }
        }
        assertThatThrownBy(() -> texts(file)).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining("nothing but white space");
    }

    @Test
    void emptyFilesHoldNoDocuments() throws IOException {
        assertThat(texts(write("a.txt", ""))).isEmpty();
        assertThat(texts(write("a.jsonl", ""))).isEmpty();
        assertThat(texts(write("b.jsonl", "\n \r\n\r\r"))).isEmpty();
        assertThat(texts(write("b.txt", "\n \f\r\n"))).isEmpty();
        assertThat(texts(write("c.txt", "\uFEFF"))).isEmpty();
        assertThat(texts(write("d.txt", "\f"), write("e.txt", "x"))).containsExactly("x");
    }

    private static List<String> texts(Path... files) {
        List<String> texts = new ArrayList<>();
        try (DocumentReader reader = Corpus.of(List.of(files), "text").open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                texts.add(document.text());
            }
        }
        return texts;
    }

    private Path write(String name, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return Files.write(folder.resolve(name), name.endsWith(".gz") && content.startsWith("\uFEFF") ? gzip(bytes) : bytes);
    }

    private static byte[] gzip(String text) throws IOException {
        return gzip(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] gzip(byte[] content) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(content);
        }
        return bytes.toByteArray();
    }

    private static byte[] zip(String... namesAndTexts) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(bytes)) {
            for (int i = 0; i < namesAndTexts.length; i += 2) {
                zip.putNextEntry(new ZipEntry(namesAndTexts[i]));
                zip.write(namesAndTexts[i + 1].getBytes(StandardCharsets.UTF_8));
                zip.closeEntry();
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] storedZip(String name, String text) throws IOException {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        var crc = new CRC32();
        crc.update(content);
        var entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        var bytes = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(entry);
            zip.write(content);
            zip.closeEntry();
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
