package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was read of what, wherever the limit falls. A letter is a token, and so is the end of a document. */
class TextCoverageTest {
    private static final int LINE = "{\"text\": \"abc\"}\n".length();

    @TempDir
    private Path folder;

    @Test
    void documentsOfAGroupThatWereSkippedWereNotRead() throws IOException {
        Path file = records("a.jsonl", 100);
        TextCoverage coverage = read(10, file);
        assertThat(coverage.whole()).isFalse();
        assertThat(coverage.documents()).isEqualTo(3);
        assertThat(coverage.tokens()).isEqualTo(12);
        assertThat(coverage.characters()).isEqualTo(9);
        assertThat(coverage.extent()).isEqualTo(new TextExtent(1, 1, 3 * LINE, 100 * LINE, PassedOver.NONE));
        assertThat(coverage.description()).isEqualTo(
                file + ": the beginning only: 1 file, 3 documents, 48 of 1,600 bytes (3.0 %), 9 characters, 12 tokens");
    }

    @Test
    void theLimitMayFallAtTheEndOfADocumentAndOfTheCorpus() throws IOException {
        Path file = records("a.jsonl", 5);
        assertThat(read(4, file).documents()).isEqualTo(1);
        assertThat(read(5, file).documents()).isEqualTo(2);
        assertThat(read(16, file).whole()).isFalse();
        for (long enough : new long[] {17, 20, 21, Long.MAX_VALUE}) {
            TextCoverage all = read(enough, file);
            assertThat(all.whole()).as("enough %d", enough).isTrue();
            assertThat(all.documents()).isEqualTo(5);
            assertThat(all.extent().bytes()).isEqualTo(5 * LINE);
            assertThat(all.description()).isEqualTo(file + ": all of it: 1 file, 5 documents, 80 bytes, 15 characters, 20 tokens");
        }
    }

    @Test
    void filesThatWereNotBegunAreNotCounted() throws IOException {
        Path[] files = {records("a.jsonl", 4), records("b.jsonl", 4), records("c.jsonl", 4)};
        TextCoverage first = read(10, files);
        assertThat(first.extent()).isEqualTo(new TextExtent(1, 3, 3 * LINE, 12 * LINE, PassedOver.NONE));
        TextCoverage second = read(17, files);
        assertThat(second.extent()).isEqualTo(new TextExtent(2, 3, 5 * LINE, 12 * LINE, PassedOver.NONE));
        assertThat(second.description()).contains("the beginning only: 2 of 3 files, 5 documents, 80 of 192 bytes (41.7 %)");
        TextCoverage exactly = read(16, files);
        assertThat(exactly.whole()).isFalse();
        assertThat(exactly.documents()).isEqualTo(4);
        assertThat(exactly.extent().files()).isEqualTo(1);
        assertThat(read(48, files).whole()).isTrue();
    }

    @Test
    void filesAndEmptyRecordsBehindTheLastDocumentBelongToAWholeCorpus() throws IOException {
        Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\": \"abc\"}\n\n{\"text\": null}\n");
        Path empty = Files.writeString(folder.resolve("b.txt"), "\n");
        TextCoverage coverage = read(4, file, empty);
        assertThat(coverage.whole()).isTrue();
        long bytes = Files.size(file) + 1;
        assertThat(coverage.extent()).isEqualTo(new TextExtent(2, 2, bytes, bytes, new PassedOver(0, Map.of(), 0, 1, 0)));
        assertThat(coverage.description()).endsWith("4 tokens; passed over: 1 record without text");
    }

    @Test
    void partsOfALongTextAreCountedByTheirBytes() throws IOException {
        String text = ("x".repeat(99) + "\n").repeat(30_000);
        Path file = Files.writeString(folder.resolve("a.txt"), text);
        TextCoverage coverage = read(1000, file);
        assertThat(coverage.documents()).isEqualTo(1);
        assertThat(coverage.extent()).isEqualTo(new TextExtent(1, 1, 1_048_500, 3_000_000, PassedOver.NONE));
        assertThat(coverage.characters()).isEqualTo(1_048_500);
        assertThat(read(1_048_502, file).extent().bytes()).isEqualTo(2_097_000);
        assertThat(read(Long.MAX_VALUE, file).extent().bytes()).isEqualTo(3_000_000);
    }

    @Test
    void aGroupIsNoLimit() throws IOException {
        String line = "{\"text\": \"" + "y".repeat(1_000_000) + "\"}\n";
        Path file = Files.writeString(folder.resolve("a.jsonl"), line.repeat(9));
        TextCoverage coverage = read(5_500_000, file);
        assertThat(coverage.documents()).isEqualTo(6);
        assertThat(coverage.extent().bytes()).isEqualTo(6L * line.length());
        assertThat(coverage.whole()).isFalse();
        // Five documents fill a group: at its end there are enough, and it is not known yet that the corpus goes on.
        TextCoverage group = read(5_000_000, file);
        assertThat(group.documents()).isEqualTo(5);
        assertThat(group.extent().bytes()).isEqualTo(5L * line.length());
        assertThat(group.whole()).isFalse();
    }

    @Test
    void packedFilesAreCountedAsTheyLie() throws IOException {
        byte[] packed = gzip(IntStream.range(0, 20_000).mapToObj(i -> "{\"text\": \"abc%d\"}\n".formatted(i * 7919)).collect(Collectors.joining()));
        Path file = Files.write(folder.resolve("a.jsonl.gz"), packed);
        TextCoverage coverage = read(20, file);
        assertThat(coverage.whole()).isFalse();
        assertThat(coverage.extent().allBytes()).isEqualTo(packed.length);
        assertThat(coverage.extent().bytes()).isBetween(20L, packed.length / 2L);
        assertThat(read(Long.MAX_VALUE, file).extent().bytes()).isEqualTo(packed.length);
    }

    @Test
    void entriesOfArchivesAreFilesAndFoldersAreWhatTheyHold() throws IOException {
        Path in = Files.createDirectory(folder.resolve("in"));
        Files.writeString(in.resolve("a.txt"), "abc");
        try (var zip = new ZipOutputStream(Files.newOutputStream(in.resolve("b.zip")))) {
            for (String name : new String[] {"x.txt", "y.txt", "z.bin"}) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write("abcde".getBytes(StandardCharsets.UTF_8));
                zip.closeEntry();
            }
        }
        Files.writeString(in.resolve("c.txt"), "abcd");
        TextCoverage coverage = read(9, in);
        assertThat(coverage.extent()).isEqualTo(new TextExtent(2, 4, 8, 17, new PassedOver(0, Map.of(".bin", 1L), 0, 0, 0)));
        assertThat(coverage.documents()).isEqualTo(2);
        assertThat(read(Long.MAX_VALUE, in).extent()).isEqualTo(new TextExtent(4, 4, 17, 17, new PassedOver(0, Map.of(".bin", 1L), 0, 0, 0)));
    }

    @Test
    void whatIsHeldOutIsNotCountedAsRead() throws IOException {
        Path file = records("a.jsonl", 1000);
        Corpus corpus = Corpus.of(List.of(file), "text");
        try (var training = PackedTokens.of(corpus.training(0.1), new LetterTokenizer(), Long.MAX_VALUE);
                var heldOut = PackedTokens.of(corpus.heldOut(0.1), new LetterTokenizer(), Long.MAX_VALUE)) {
            assertThat(training.coverage().documents() + heldOut.coverage().documents()).isEqualTo(1000);
            assertThat(heldOut.coverage().documents()).isBetween(60L, 140L);
            assertThat(heldOut.coverage().whole()).isTrue();
            assertThat(heldOut.coverage().toMap()).containsEntry("tokens", 4 * heldOut.coverage().documents()).containsEntry("whole", true)
                    .containsEntry("files", 1L).containsEntry("files_of", 1L).containsEntry("bytes", 16_000L).containsEntry("bytes_of", 16_000L);
        }
    }

    @Test
    void tokensThatAreReadAndNotUsedAreTold() throws IOException {
        Path file = records("a.jsonl", 5);
        TextCoverage all = read(20, file);
        String words = file + ": all of it: 1 file, 5 documents, 80 bytes, 15 characters, 20 tokens";
        assertThat(all.using(20).description()).isEqualTo(words);
        assertThat(all.using(8).description()).isEqualTo(words + ", of which 8 are used");
        assertThat(all.using(8).toMap()).containsEntry("tokens", 20L).containsEntry("used_tokens", 8L).containsEntry("whole", true);
        assertThat(all.using(20).toMap()).containsEntry("used_tokens", 20L);
        assertThat(all.toMap()).doesNotContainKey("used_tokens");
    }

    private TextCoverage read(long enough, Path... files) {
        try (var tokens = PackedTokens.of(Corpus.of(List.of(files), "text"), new LetterTokenizer(), enough)) {
            assertThat(tokens.size()).isEqualTo(tokens.coverage().tokens());
            return tokens.coverage();
        }
    }

    private Path records(String name, int count) throws IOException {
        return Files.writeString(folder.resolve(name), "{\"text\": \"abc\"}\n".repeat(count));
    }

    private static byte[] gzip(String text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }
}
