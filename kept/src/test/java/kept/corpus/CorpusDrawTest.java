package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is drawn of a corpus that is larger than needed. Each document is one letter and the end, so a letter's number is its document's. */
class CorpusDrawTest {
    private static final DocumentEncoder LETTERS = DocumentEncoder.of(new LetterTokenizer());
    private static final int FIRST = 0x4E00;

    @TempDir
    private Path folder;

    @Test
    void documentsComeFromAllFilesAndAllPlacesInThem() throws IOException {
        Corpus corpus = Corpus.of(List.of(letters("a.jsonl", 0, 8000), letters("b.jsonl", 8000, 8000)), "text");
        try (PackedTokens tokens = PackedTokens.drawn(corpus, LETTERS, 1600, 400, 7)) {
            int[] numbers = documents(tokens);
            assertThat(tokens.size()).isBetween(1600L, 1900L);
            assertThat(numbers).doesNotHaveDuplicates();
            // 800 of 16,000 in eight parts: 100 each, with a standard deviation of 10.
            for (int part = 0; part < 8; part++) {
                int from = part * 2000;
                assertThat(Arrays.stream(numbers).filter(number -> number >= from && number < from + 2000).count()).isBetween(60L, 140L);
            }
            assertThat(tokens.coverage().part()).isEqualTo(TextCoverage.Part.DRAWN);
            assertThat(tokens.description()).contains("drawn from all of it: 2 files, %,d documents".formatted(numbers.length));
            assertThat(tokens.coverage().extent().bytes()).isEqualTo(tokens.coverage().extent().allBytes());
        }
    }

    @Test
    void theFirstTokensAreDrawnFromAllOfItToo() throws IOException {
        Corpus corpus = Corpus.of(List.of(letters("a.jsonl", 0, 16_000)), "text");
        try (PackedTokens tokens = PackedTokens.drawn(corpus, LETTERS, 3200, 400, 7)) {
            int[] numbers = documents(tokens);
            int[] first = Arrays.copyOf(numbers, 190);
            assertThat(first).isSorted();
            assertThat(first[0]).isLessThan(2000);
            assertThat(first[189]).isGreaterThan(14_000);
            assertThat(Arrays.copyOfRange(numbers, 215, numbers.length)).isSorted();
        }
    }

    @Test
    void theSeedChoosesAndNothingElse() throws IOException {
        Corpus corpus = Corpus.of(List.of(letters("a.jsonl", 0, 5000)), "text");
        try (PackedTokens one = PackedTokens.drawn(corpus, LETTERS, 1000, 100, 1);
                PackedTokens again = PackedTokens.drawn(corpus, LETTERS, 1000, 100, 1);
                PackedTokens other = PackedTokens.drawn(corpus, LETTERS, 1000, 100, 2)) {
            assertThat(documents(again)).isEqualTo(documents(one));
            assertThat(again.checksum()).isEqualTo(one.checksum());
            assertThat(documents(other)).isNotEqualTo(documents(one));
        }
    }

    @Test
    void aLargerSampleHoldsASmallerOne() throws IOException {
        Corpus corpus = Corpus.of(List.of(letters("a.jsonl", 0, 5000)), "text");
        try (PackedTokens few = PackedTokens.drawn(corpus, LETTERS, 1000, 0, 1);
                PackedTokens more = PackedTokens.drawn(corpus, LETTERS, 3000, 0, 1)) {
            assertThat(documents(more)).contains(documents(few));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {10_000, 9_999, 9_900, 1L << 40})
    void aCorpusThatIsNotLargerIsReadInItsOrder(long enough) throws IOException {
        Corpus corpus = Corpus.of(List.of(letters("a.jsonl", 0, 5000)), "text");
        try (PackedTokens all = PackedTokens.of(corpus, LETTERS, Long.MAX_VALUE);
                PackedTokens drawn = PackedTokens.drawn(corpus, LETTERS, enough, 100, 3)) {
            assertThat(drawn.coverage()).isEqualTo(all.coverage());
            assertThat(drawn.checksum()).isEqualTo(all.checksum());
        }
    }

    /** The tokens of a character are estimated from the beginning, where there is one for each. */
    @Test
    void thereAreEnoughTokensEvenIfTheRestHasFewerThanTheBeginning() throws IOException {
        String dense = IntStream.range(0, 500).mapToObj(_ -> "{\"text\": \"abcdefghi\"}").collect(Collectors.joining("\n"));
        String sparse = IntStream.range(0, 20_000).mapToObj(_ -> "{\"text\": \"%s\"}".formatted("-".repeat(9))).collect(Collectors.joining("\n"));
        Corpus corpus = Corpus.of(List.of(write("a.jsonl", dense), write("b.jsonl", sparse)), "text");
        DocumentEncoder encoder = document -> document.text().startsWith("-") ? new int[] {1} : document.text().chars().toArray();
        try (PackedTokens tokens = PackedTokens.drawn(corpus, encoder, 4000, 0, 3)) {
            assertThat(tokens.size()).isBetween(4000L, 4500L);
            assertThat(tokens.coverage().part()).isEqualTo(TextCoverage.Part.DRAWN);
        }
    }

    /** A conversation that only calls tools has tokens and no characters. */
    @Test
    void aBeginningWithoutCharactersIsNoReasonToDrawNothing() throws IOException {
        String calling = "{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"tool_calls\": []}]}";
        Corpus corpus = Corpus.of(List.of(write("a.jsonl", calling), letters("b.jsonl", 0, 5000)), "text");
        DocumentEncoder encoder = document -> document.conversation().isPresent() ? new int[2000] : LETTERS.encode(document);
        try (PackedTokens tokens = PackedTokens.drawn(corpus, encoder, 1000, 0, 3)) {
            assertThat(tokens.size()).isBetween(1000L, 3200L);
            assertThat(tokens.coverage().part()).isEqualTo(TextCoverage.Part.DRAWN);
        }
    }

    @Test
    void aLongTextIsDrawnFromInExcerptsOfWholeLines() throws IOException {
        String text = IntStream.range(0, 100_000).mapToObj("line %d\n"::formatted).collect(Collectors.joining());
        Corpus corpus = Corpus.of(List.of(write("a.txt", text)), "text");
        try (PackedTokens tokens = PackedTokens.drawn(corpus, LETTERS, 300_000, 0, 3)) {
            int[] ids = new int[(int) tokens.size()];
            tokens.copy(0, ids, 0, ids.length);
            String[] excerpts = new LetterTokenizer().decode(ids).split("\0");
            assertThat(excerpts).hasSizeBetween(5, 9).allSatisfy(excerpt -> assertThat(excerpt).endsWith("\n").startsWith("line ").hasSizeLessThan(
                    Excerpts.LONGEST + 1));
            assertThat(tokens.coverage().documents()).isEqualTo(excerpts.length);
            assertThat(excerpts[0]).isNotEqualTo(text.substring(0, excerpts[0].length()));
        }
    }

    @Test
    void excerptsTogetherAreTheText() throws IOException {
        String text = "\uD83D\uDE80" + "x\uD83D\uDE80".repeat(70_000) + "\n" + "line\n".repeat(30_000);
        String records = "{\"text\": \"%s\"}\n{\"text\": \"short\"}".formatted(text.replace("\n", "\\n"));
        Corpus corpus = Corpus.of(List.of(write("a.jsonl", records)), "text");
        var joined = new StringBuilder();
        try (DocumentReader all = corpus.open(); var excerpts = new Excerpts(all, 0, 1 << Excerpts.KEY_BITS)) {
            for (Document document = excerpts.next(); document != null; document = excerpts.next()) {
                assertThat(Character.isLowSurrogate(document.text().charAt(0))).isFalse();
                joined.append(document.text());
            }
        }
        assertThat(joined.toString()).isEqualTo(text + "short");
    }

    /** The beginning has twice as many tokens per character as the rest, so that the sample is drawn again, from what is left by then. */
    @Test
    @Timeout(60)
    void aFileThatBecomesShorterMeanwhileIsToldOf() throws IOException {
        String rest = IntStream.range(0, 5000).mapToObj(i -> "{\"text\": \"" + Character.toString(FIRST + i).repeat(10) + "\"}\n")
                .collect(Collectors.joining());
        String beginning = Files.readString(letters("b.jsonl", 0, 2000));
        Path file = write("a.jsonl", beginning + rest);
        Set<String> seen = ConcurrentHashMap.newKeySet();
        var isWhole = new AtomicBoolean(true);
        DocumentEncoder shortening = document -> {
            if (!seen.add(document.text()) && isWhole.getAndSet(false)) {
                replace(file, beginning);
            }
            return LETTERS.encode(document);
        };
        assertThatThrownBy(() -> PackedTokens.drawn(Corpus.of(List.of(file), "text"), shortening, 2000, 0, 7)).isInstanceOf(CorpusException.class)
                .hasMessage("[corpus] a file became shorter while the corpus was read: run again once its files are complete");
    }

    /** As another program that writes a file anew; what is being read stays as it was. */
    private static void replace(Path file, String content) {
        try {
            Files.delete(file);
            Files.writeString(file, content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] documents(PackedTokens tokens) {
        int[] ids = new int[(int) tokens.size()];
        tokens.copy(0, ids, 0, ids.length);
        return Arrays.stream(ids).filter(id -> id != 0).map(id -> id - FIRST).toArray();
    }

    private Path letters(String name, int from, int count) throws IOException {
        return write(name, IntStream.range(from, from + count).mapToObj(i -> "{\"text\": \"" + (char) (FIRST + i) + "\"}\n")
                .collect(Collectors.joining()));
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }
}
