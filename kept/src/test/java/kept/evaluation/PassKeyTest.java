package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a pass key is hidden, how long its text is, and what counts as found. */
class PassKeyTest {
    private static Tokenizer tokenizer;

    @BeforeAll
    static void load() {
        tokenizer = Tokenizer.load(Fixtures.path("tokenizer"));
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {300, 1024, 5000})
    void theTextIsAsLongAsLinesOfFillerAllow(int length) {
        int line = tokenizer.encode("The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.\n").length;
        PassKey key = PassKey.hidden(tokenizer, false, length, 0.5, 1);
        assertThat(key.ids()).containsExactly(tokenizer.encode(key.prompt()));
        assertThat(key.ids().length + PassKey.ANSWER_TOKENS).isBetween(length - line - 1, length);
    }

    @Test
    void theNumberStandsWhereItIsAskedToAndIsToldTwice() {
        for (double depth : new double[] {0, 0.25, 0.5, 0.75, 1}) {
            PassKey key = PassKey.hidden(tokenizer, false, 5000, depth, 3);
            String number = Integer.toString(key.key());
            String filler = key.prompt().substring(key.prompt().indexOf("there.\n") + 7, key.prompt().indexOf("What is the pass key?"));
            String sentence = "The pass key is " + number + ". Remember it. " + number + " is the pass key.\n";
            assertThat(filler.indexOf(sentence) / (double) (filler.length() - sentence.length())).isBetween(depth - 0.02, depth + 0.02);
            assertThat(key.prompt().split(number, -1)).hasSize(3);
            assertThat(key.prompt()).endsWith("What is the pass key? The pass key is");
        }
    }

    @Test
    void aLengthWithoutRoomForTheQuestionIsRefused() {
        assertThatThrownBy(() -> PassKey.hidden(tokenizer, false, 40, 0, 1)).isInstanceOf(EvaluationException.class)
                .hasMessageStartingWith("[passkey] 40 tokens are too few: the question itself takes ");
    }

    @Test
    void onlyTheWholeNumberCounts() {
        var key = new PassKey("", new int[0], 71432);
        assertThat(key.isAnsweredBy(" 71432. Remember")).isTrue();
        assertThat(key.isAnsweredBy("71432\nThe grass")).isTrue();
        assertThat(key.isAnsweredBy(" not 7143, but 71432")).isFalse();
        assertThat(key.isAnsweredBy(" 714321")).isFalse();
        assertThat(key.isAnsweredBy(" 71433")).isFalse();
        assertThat(key.isAnsweredBy(" green.")).isFalse();
    }

    /** The text is read from where it differs from the one before; the answers are those of the whole text at once. */
    @Test
    void theLikeliestTokensAreThoseOfTheWholeText() {
        Path directory = GoldenScores.path("model");
        try (var checkpoint = Checkpoint.open(directory);
                Decoder model = Decoder.create(DecoderConfig.read(directory), new CheckpointWeights(checkpoint), Device.cpu());
                var reading = new CachedReading(model, 256)) {
            for (double depth : new double[] {0, 1, 0.5}) {
                int[] ids = PassKey.hidden(tokenizer, false, 250, depth, 3).ids();
                for (int i = 0; i < 4; i++) {
                    int next = PassKeyTrials.mostLikely(model, tokenizer, reading, ids);
                    assertThat(next).isEqualTo(mostLikely(model, ids));
                    ids = Arrays.copyOf(ids, ids.length + 1);
                    ids[ids.length - 1] = next;
                }
            }
            var trials = new PassKeyTrials(List.of(240, 250), List.of(0.0, 1.0), 2, 0);
            assertThat(trials.ask(model, tokenizer, false, _ -> { })).hasSize(4).allMatch(result -> result.found().count() == 2);
            assertThatThrownBy(() -> new PassKeyTrials(List.of(257), List.of(0.0), 1, 0).ask(model, tokenizer, false, _ -> { }))
                    .isInstanceOf(EvaluationException.class).hasMessage("[passkey] 257 tokens exceed the model's 256 positions");
        }
    }

    private static int mostLikely(Decoder model, int[] ids) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open()) {
                Tensor logits = model.logits(Tensor.of(ids, 1, ids.length)).select(1, ids.length - 1);
                return (int) logits.argMax(1).toLongArray()[0];
            }
        });
    }
}
