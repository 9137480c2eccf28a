package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import kept.checkpoint.Checkpoint;
import kept.cli.Demo;
import kept.corpus.Corpus;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;

class DemoTest {
    private static final long MAX_BYTES = 12_000_000;
    /** More than are before the last of 50 held-out ones; {@code -Dkept.thorough} reads all. */
    private static final int TRAINING_DOCUMENTS = Boolean.getBoolean("kept.thorough") ? Integer.MAX_VALUE : 4000;

    @Test
    void theEmbeddedTeacherIsAWholeOrionWithItsProvenanceInTwelveMegabytes() throws IOException {
        Path teacher;
        try (var demo = Demo.prepare(new PrintWriter(OutputStream.nullOutputStream()))) {
            teacher = demo.teacher();
            DecoderConfig config = DecoderConfig.read(teacher);
            assertThat(config.architecture()).isEqualTo(Architecture.ORION);
            assertThat(Files.size(teacher.resolve("model.safetensors"))).isLessThan(MAX_BYTES);
            try (var checkpoint = Checkpoint.open(teacher);
                    var tokenizer = Tokenizer.load(teacher)) {
                CheckpointWeights.requireTensors(checkpoint, config);
                assertThat(tokenizer.vocabularySize()).isEqualTo(config.vocabSize());
            }
            JsonNode provenance = new ObjectMapper().readTree(teacher.resolve("provenance.json").toFile());
            assertThat(provenance.path("command").asText()).startsWith("kept pretrain --jdk-sources");
            assertThat(provenance.path("settings").path("options").asText()).contains("weightDecay=0.1");
            assertThat(provenance.path("held_out_perplexity").size()).isEqualTo(2);
            assertThat(provenance.path("held_out_perplexity")).allSatisfy(perplexity -> assertThat(perplexity.asDouble()).isBetween(1.0, 50.0));
        }
        assertThat(teacher).doesNotExist();
    }

    @Test
    void trainingTextIsProseAloneAndNothingOfWhatIsEvaluated() {
        try (var demo = Demo.prepare(new PrintWriter(OutputStream.nullOutputStream()))) {
            assertThat(demo.domains()).containsOnlyKeys("prose", "code");
            var heldOut = new HashSet<String>();
            for (Corpus domain : demo.domains().values()) {
                List<String> names = names(domain, 50);
                assertThat(names).isNotEmpty();
                heldOut.addAll(names);
            }
            assertThat(names(demo.trainingText(), TRAINING_DOCUMENTS)).isNotEmpty().doesNotContainAnyElementsOf(heldOut);
        }
    }

    /** The names of the first documents. */
    private static List<String> names(Corpus corpus, int most) {
        List<String> names = new ArrayList<>();
        try (var reader = corpus.open()) {
            for (var document = reader.next(); document != null && names.size() < most; document = reader.next()) {
                names.add(document.name());
            }
        }
        return names;
    }
}
