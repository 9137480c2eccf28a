package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SamplerTest {
    private static final BitSet NONE = new BitSet();

    /** What transformers' logits processors gave; see make_sampling.py beside the file. */
    static List<JsonNode> cases() throws IOException {
        try (InputStream json = SamplerTest.class.getResourceAsStream("sampling.json")) {
            return List.of(new ObjectMapper().readValue(json, JsonNode[].class));
        }
    }

    private static SamplingOptions options(JsonNode golden) {
        return new SamplingOptions(golden.path("temperature").asDouble(), golden.path("top_k").asInt(), golden.path("top_p").asDouble(),
                golden.path("min_p").asDouble(), golden.path("repetition_penalty").asDouble());
    }

    private static float[] logits(JsonNode golden) {
        var logits = new float[golden.path("logits").size()];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) golden.path("logits").get(i).asDouble();
        }
        return logits;
    }

    private static BitSet occurred(JsonNode golden) {
        var occurred = new BitSet();
        golden.path("ids").forEach(id -> occurred.set(id.asInt()));
        return occurred;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theDistributionIsThatOfTransformers(JsonNode golden) {
        double[] probabilities = new Sampler(options(golden), 0).probabilities(logits(golden), occurred(golden));
        for (int id = 0; id < probabilities.length; id++) {
            double expected = golden.path("probabilities").get(id).asDouble();
            assertThat(probabilities[id]).as("token %d of %s", id, options(golden)).isCloseTo(expected, within(1e-6));
            assertThat(probabilities[id] == 0).as("token %d left out", id).isEqualTo(expected == 0);
        }
    }

    @Test
    void tokensComeAsOftenAsTheirProbabilitySays() throws IOException {
        JsonNode golden = cases().getLast();
        var sampler = new Sampler(options(golden), 9);
        double[] probabilities = sampler.probabilities(logits(golden), occurred(golden));
        int draws = 40_000;
        var counts = new int[probabilities.length];
        for (int i = 0; i < draws; i++) {
            counts[sampler.next(logits(golden), occurred(golden))]++;
        }
        for (int id = 0; id < counts.length; id++) {
            // Five standard deviations of a binomial count.
            double deviation = Math.sqrt(draws * probabilities[id] * (1 - probabilities[id]));
            assertThat((double) counts[id]).as("token %d", id).isCloseTo(draws * probabilities[id], within(5 * deviation + 1e-9));
        }
    }

    @Test
    void atTemperatureZeroThePenaltyStillCounts() {
        var occurred = new BitSet();
        occurred.set(1);
        var sampler = new Sampler(new SamplingOptions(0, 0, 1, 0, 2), 0);
        assertThat(sampler.next(new float[] {1, 1.9f, -3}, NONE)).isEqualTo(1);
        assertThat(sampler.next(new float[] {1, 1.9f, -3}, occurred)).isZero();
        assertThat(sampler.probabilities(new float[] {1, 1.9f, -3}, occurred)).containsExactly(1, 0, 0);
    }

    @Test
    void theSameSeedGivesTheSameTokensAndAnotherSeedOthers() {
        var options = new SamplingOptions(1, 0, 1, 0, 1);
        float[] logits = new float[100];
        assertThat(draws(options, 3, logits)).isEqualTo(draws(options, 3, logits)).isNotEqualTo(draws(options, 4, logits));
    }

    private static List<Integer> draws(SamplingOptions options, long seed, float... logits) {
        var sampler = new Sampler(options, seed);
        return IntStream.range(0, 20).mapToObj(_ -> sampler.next(logits, NONE)).toList();
    }

    @Test
    void aTemperatureNearZeroTakesTheLikeliest() {
        var sampler = new Sampler(new SamplingOptions(1e-40, 0, 1, 0, 1), 0);
        assertThat(sampler.next(new float[] {3, 5, 4}, NONE)).isEqualTo(1);
    }

    @Test
    void logitsThatAreNoNumbersAreRefused() {
        var sampler = new Sampler(SamplingOptions.GREEDY, 0);
        assertThatThrownBy(() -> sampler.next(new float[] {0, Float.NaN}, NONE)).isInstanceOf(TensorException.class).hasMessageContaining("damaged");
    }
}
