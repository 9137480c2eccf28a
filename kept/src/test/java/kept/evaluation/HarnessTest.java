package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.evaluation.TaskScores.Measure;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Scores of lm-evaluation-harness on a model of random weights, reproduced; {@code kept/evaluation/README.md} says how they were made. */
class HarnessTest {
    private static Tokenizer tokenizer;
    private static Decoder model;

    @BeforeAll
    static void load() {
        tokenizer = Tokenizer.load(Fixtures.path("tokenizer"));
        Path directory = GoldenScores.path("model");
        try (var checkpoint = Checkpoint.open(directory)) {
            model = Decoder.create(DecoderConfig.read(directory), new CheckpointWeights(checkpoint), Device.cpu());
        }
    }

    @AfterAll
    static void close() {
        model.close();
        tokenizer.close();
    }

    static Stream<JsonNode> golden() throws IOException {
        return StreamSupport.stream(new ObjectMapper().readTree(GoldenScores.path("golden.json").toFile()).spliterator(), false);
    }

    @ParameterizedTest
    @MethodSource("golden")
    void logLikelihoodsAndScoresAreThoseOfTheHarness(JsonNode golden) {
        Task task = group(Task.read(GoldenScores.path("capitals.jsonl")), golden.path("group").asText());
        List<Question> examples = Task.read(GoldenScores.path("capitals-examples.jsonl")).questions();
        var examination = new Examination(task, new FewShot(golden.path("shots").asInt(), examples, " ", OptionalLong.empty()));
        List<Request> requests = examination.requests(new PairEncoder(tokenizer, golden.path("bos").asBoolean()));
        TaskScores scores = examination.put(new LogLikelihoods(model, golden.path("longest").asInt()), requests, _ -> { });
        List<Double> actual = new ArrayList<>();
        scores.logLikelihoods().forEach(choices -> {
            for (double choice : choices) {
                actual.add(choice);
            }
        });
        List<Double> expected = new ArrayList<>();
        golden.path("log_likelihoods").forEach(choices -> choices.forEach(choice -> expected.add(choice.doubleValue())));
        assertThat(actual).hasSameSizeAs(expected).hasSizeGreaterThan(10);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("choice %d", i).isCloseTo(expected.get(i), within(1e-4));
        }
        assertThat(scores.share(Measure.ACC).value()).isEqualTo(golden.path("acc").doubleValue());
        assertThat(scores.share(Measure.ACC_NORM).value()).isEqualTo(golden.path("acc_norm").doubleValue());
        assertThat(scores.share(Measure.ACC).standardError()).isCloseTo(golden.path("acc_stderr").doubleValue(), within(1e-12));
        assertThat(scores.shortened() > 0).isEqualTo(golden.path("longest").asInt() == 100);
    }

    @Test
    void theCacheChangesNoScore() {
        Task task = Task.read(GoldenScores.path("capitals.jsonl"));
        List<Question> examples = Task.read(GoldenScores.path("capitals-examples.jsonl")).questions();
        var examination = new Examination(task, new FewShot(1, examples, " ", OptionalLong.of(3)));
        List<Request> requests = examination.requests(new PairEncoder(tokenizer, false));
        var examiner = new LogLikelihoods(model, 256);
        double[] together = examiner.of(requests, _ -> { });
        for (int i = 0; i < together.length; i++) {
            assertThat(examiner.of(List.of(requests.get(i)), _ -> { })).as("request %d", i).containsExactly(new double[] {together[i]}, within(1e-4));
        }
    }

    private static Task group(Task task, String group) {
        return new Task(group, task.questions().stream().filter(question -> question.group().equals(group)).toList());
    }
}
