package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.TinyTeacher;
import kept.gguf.GgufType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.training.StepMetrics;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library's entry points, used as README shows them; the examples there are this file's. */
class LibraryTest {
    private static final Path README = Path.of("..", "README.md");
    private static final Path SOURCE = Path.of("src", "test", "java", "kept", "run", "LibraryTest.java");

    @TempDir
    private Path directory;
    private Path orion;
    private Path text;
    private Path heldOut;

    @BeforeEach
    void prepare() throws IOException {
        orion = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
        heldOut = TinyTeacher.text(directory.resolve("held-out.txt"));
    }

    @Test
    void aModelGeneratesAndShowsItsLogits() {
        // example: use
        try (var model = LanguageModel.load(orion); var _ = Scope.open()) {
            String continuation = model.generate("Returns the", 16);
            Tensor logits = model.logits("Returns the");             // [1, tokens, vocabulary]
            Tensor states = model.hiddenStates("Returns the");       // [1, tokens, hidden size]
            // end
            int tokens = model.tokenizer().encode("Returns the").length;
            assertThat(continuation).isNotEmpty();
            assertThat(logits.shape()).isEqualTo(Shape.of(1, tokens, model.decoder().config().vocabSize()));
            assertThat(states.shape()).isEqualTo(Shape.of(1, tokens, 16));
            int[] ids = model.tokenizer().encode("Returns the");
            int[] longer = Arrays.copyOf(ids, ids.length + 1);
            longer[ids.length] = (int) logits.select(1, tokens - 1).argMax(1).toLongArray()[0];
            assertThat(model.tokenizer().decode(ids) + model.generate("Returns the", 1)).isEqualTo(model.tokenizer().decode(longer));
        }
    }

    @Test
    void everyRunDoesWhatItsCommandDoes() {
        Path output = directory.resolve("llama");
        Path distilled = directory.resolve("distilled");
        Path file = directory.resolve("llama.gguf");
        // example: runs
        ConversionRun.of(orion, output).mapping(MappingChoice.calibrated(text)).run(Progress.NONE);
        var fidelity = VerificationRun.of(orion, output).heldOut("prose", heldOut).run(Progress.NONE).details().get("prose").scores().fidelity();
        GgufRun.of(output, file).type(GgufType.Q8_0).run(Progress.NONE);
        // end
        assertThat(fidelity.klMean()).isFinite();
        assertThat(file).isNotEmptyFile();

        List<Double> losses = new ArrayList<>();
        DistillationRun.of(orion, distilled).corpus(text).tokens(512).evaluationTokens(64)
                .training(new TrainingSettings().sequenceLength(32).batchSize(2).learningRate(1e-3))
                .run(new Progress() {
                    @Override
                    public void step(StepMetrics step) {
                        losses.add(step.loss());
                    }
                });
        assertThat(losses).hasSize(8).allSatisfy(loss -> assertThat(loss).isPositive());
        try (var student = LanguageModel.load(distilled); var teacher = LanguageModel.load(orion); var _ = Scope.open()) {
            float of = student.logits("Returns the").toFloatArray()[0];
            assertThat(of).isCloseTo(teacher.logits("Returns the").toFloatArray()[0], within(2f));
        }
    }

    @Test
    void theReadmeShowsTheseVeryExamples() throws IOException {
        String source = Files.readString(SOURCE);
        String readme = Files.readString(README);
        for (String name : List.of("use", "runs")) {
            String start = "// example: " + name + "\n";
            int begin = source.indexOf(start) + start.length();
            String example = source.substring(begin, source.indexOf("// end", begin)).stripTrailing().stripIndent();
            assertThat(readme).contains(example);
        }
    }
}
