package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackedSequencesTest {
    @TempDir
    private Path folder;

    @Test
    void documentsStandOneBehindTheOtherWithTheEndTokenBetween() throws IOException {
        try (var tokens = PackedTokens.of(corpus("ab", "c", "def"), new LetterTokenizer(), Long.MAX_VALUE)) {
            assertThat(ids(tokens)).containsExactly('a', 'b', 0, 'c', 0, 'd', 'e', 'f', 0);
            assertThat(tokens.coverage().documents()).isEqualTo(3);
            assertThat(tokens.coverage().whole()).isTrue();
            assertThat(tokens.description()).contains("3 documents").contains("9 tokens");
        }
    }

    @Test
    void tokenisingEndsWithTheDocumentThatMakesItEnough() throws IOException {
        try (var tokens = PackedTokens.of(corpus("ab", "cde", "f"), new LetterTokenizer(), 4)) {
            assertThat(ids(tokens)).containsExactly('a', 'b', 0, 'c', 'd', 'e', 0);
            assertThat(tokens.coverage().documents()).isEqualTo(2);
        }
    }

    @Test
    void severalGroupsOfDocumentsKeepTheirOrder() throws IOException {
        String[] texts = IntStream.range(0, 30).mapToObj(i -> Character.toString('\u00c0' + i).repeat(400_000)).toArray(String[]::new);
        try (var tokens = PackedTokens.of(corpus(texts), new LetterTokenizer(), Long.MAX_VALUE)) {
            assertThat(tokens.size()).isEqualTo(30 * 400_001L);
            var id = new int[2];
            for (int i = 0; i < 30; i++) {
                tokens.copy(i * 400_001L + 399_999, id, 0, 2);
                assertThat(id).containsExactly('\u00c0' + i, 0);
            }
        }
        try (var tokens = PackedTokens.of(corpus(texts), new LetterTokenizer(), 1)) {
            assertThat(tokens.coverage().whole()).isFalse();
            assertThat(tokens.size()).isEqualTo(400_001);
        }
    }

    @Test
    void aCorpusWithoutTextIsRefused() throws IOException {
        Path file = Files.writeString(folder.resolve("empty.txt"), " \n");
        assertThatThrownBy(() -> PackedTokens.of(Corpus.of(List.of(file), "text"), new LetterTokenizer(), 10)).isInstanceOf(CorpusException.class)
                .hasMessageContaining(file.toString()).hasMessageContaining("no text");
    }

    @Test
    void anEpochGivesEachSequenceOnceAndTheNextOneInAnotherOrder() throws IOException {
        try (var tokens = PackedTokens.of(corpus(numbered(50)), new LetterTokenizer(), Long.MAX_VALUE)) {
            var sequences = new PackedSequences(tokens, 4, 0, 7);
            assertThat(sequences.count()).isEqualTo(50);
            int[] first = sequences.next(50);
            int[] second = sequences.next(50);
            assertThat(starts(first, 4)).containsExactlyInAnyOrderElementsOf(starts(ids(tokens), 4)).isNotEqualTo(starts(ids(tokens), 4));
            assertThat(starts(second, 4)).containsExactlyInAnyOrderElementsOf(starts(first, 4)).isNotEqualTo(starts(first, 4));
            assertThat(sequences.position()).isEqualTo(100);
            assertThat(sequences.epochs(500)).isEqualTo(2.5);
        }
    }

    @Test
    void aSkippedBeginningIsInNoSequence() throws IOException {
        try (var tokens = PackedTokens.of(corpus(numbered(50)), new LetterTokenizer(), Long.MAX_VALUE)) {
            var sequences = new PackedSequences(tokens, 12, 4, 0, 7);
            assertThat(sequences.count()).isEqualTo(47);
            assertThat(starts(sequences.next(47), 4)).containsExactlyInAnyOrderElementsOf(starts(ids(tokens), 4).subList(3, 50));
        }
    }

    @Test
    void theSameSeedGivesTheSameOrderAndAnotherAnother() throws IOException {
        try (var tokens = PackedTokens.of(corpus(numbered(50)), new LetterTokenizer(), Long.MAX_VALUE)) {
            int[] once = new PackedSequences(tokens, 4, 0, 7).next(50);
            assertThat(new PackedSequences(tokens, 4, 0, 7).next(50)).containsExactly(once);
            assertThat(new PackedSequences(tokens, 4, 0, 8).next(50)).isNotEqualTo(once);
        }
    }

    @Test
    void aSoughtPositionGivesWhatAnUnbrokenRunGives() throws IOException {
        try (var tokens = PackedTokens.of(corpus(numbered(9)), new LetterTokenizer(), Long.MAX_VALUE)) {
            var unbroken = new PackedSequences(tokens, 4, 1, 3);
            unbroken.next(13);
            int[] expected = unbroken.next(6);
            var resumed = new PackedSequences(tokens, 4, 1, 3);
            resumed.seek(13);
            assertThat(resumed.next(6)).containsExactly(expected);
            assertThat(resumed.position()).isEqualTo(unbroken.position());
        }
    }

    @Test
    void lookaheadIsTheBeginningOfWhatFollows() throws IOException {
        try (var tokens = PackedTokens.of(corpus("abcdefghij"), new LetterTokenizer(), Long.MAX_VALUE)) {
            var sequences = new PackedSequences(tokens, 5, 1, 0);
            assertThat(sequences.count()).isEqualTo(2);
            assertThat(List.of(new LetterTokenizer().decode(sequences.next(1)), new LetterTokenizer().decode(sequences.next(1))))
                    .containsExactlyInAnyOrder("abcdef", "fghij\0");
        }
    }

    @Test
    void tooFewTokensForOneSequenceAreRefused() throws IOException {
        try (var tokens = PackedTokens.of(corpus("abc"), new LetterTokenizer(), Long.MAX_VALUE)) {
            assertThat(new PackedSequences(tokens, 4, 0, 0).count()).isEqualTo(1);
            assertThatThrownBy(() -> new PackedSequences(tokens, 4, 1, 0)).isInstanceOf(CorpusException.class).hasMessageContaining("4 tokens")
                    .hasMessageContaining("sequence of 5");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 5, 16, 17, 127, 1000, 4098})
    void theOrderIsAPermutation(long count) {
        var order = new SequenceOrder(count, 42, 3);
        assertThat(LongStream.range(0, count).map(order::at).distinct().filter(i -> i >= 0 && i < count).count()).isEqualTo(count);
    }

    @Test
    void theOrderHasNoPreferredPlace() {
        // 100 orders of 1000: the mean place of the first number is 499.5, its standard error 29.
        double mean = LongStream.range(0, 100).mapToDouble(epoch -> new SequenceOrder(1000, 1, epoch).at(0)).average().orElseThrow();
        assertThat(mean).isBetween(410.0, 590.0);
        var order = new SequenceOrder(1000, 1, 0);
        long neighbours = LongStream.range(0, 999).filter(i -> Math.abs(order.at(i) - order.at(i + 1)) == 1).count();
        assertThat(neighbours).isLessThan(10);
    }

    private static String[] numbered(int count) {
        return IntStream.range(0, count).mapToObj(i -> "%03d".formatted(i)).toArray(String[]::new);
    }

    private static List<String> starts(int[] ids, int width) {
        return IntStream.range(0, ids.length / width).mapToObj(i -> Arrays.toString(Arrays.copyOfRange(ids, i * width, (i + 1) * width)))
                .collect(Collectors.toList());
    }

    private static int[] ids(PackedTokens tokens) {
        var ids = new int[Math.toIntExact(tokens.size())];
        tokens.copy(0, ids, 0, ids.length);
        return ids;
    }

    private Corpus corpus(String... texts) throws IOException {
        String lines = Arrays.stream(texts).map(text -> "{\"text\": \"" + text + "\"}").collect(Collectors.joining("\n"));
        return Corpus.of(List.of(Files.writeString(folder.resolve("corpus.jsonl"), lines)), "text");
    }
}
