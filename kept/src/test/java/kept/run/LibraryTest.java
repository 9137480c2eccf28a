package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import kept.TinyTeacher;
import kept.corpus.Corpus;
import kept.evaluation.Examination;
import kept.evaluation.FewShot;
import kept.evaluation.Task;
import kept.evaluation.TaskScores;
import kept.gguf.GgufType;
import kept.report.ComparedStudent;
import kept.tensor.DType;
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
    void aModelIsEvaluatedNextToItsTeacher() throws IOException {
        Path llama = directory.resolve("llama");
        ConversionRun.of(orion, llama).mapping(MappingChoice.EXACT).run(Progress.NONE);
        Task task = Task.read(Files.writeString(directory.resolve("squares.jsonl"), """
                {"context": "The square of 3 is", "choices": ["9", "8"], "answer": 0}
                {"context": "The square of 4 is", "choices": ["15", "16"], "answer": 1}
                """));
        var examination = new Examination(task, new FewShot(0, task.questions(), " ", OptionalLong.empty()));
        EvaluationRun run = EvaluationRun.of(llama).teacher(orion).task(examination);
        assertThat(run.models()).containsExactly(Map.entry("teacher", orion), Map.entry("student", llama));
        EvaluationRun.Result result = run.run(Progress.NONE);
        assertThat(result.tasks()).singleElement().satisfies(scores -> {
            double[][] teacher = logLikelihoods(scores.models().get("teacher"));
            double[][] student = logLikelihoods(scores.models().get("student"));
            for (int i = 0; i < teacher.length; i++) {
                assertThat(student[i]).containsExactly(teacher[i], within(1e-3));
                assertThat(Arrays.stream(student[i])).allMatch(value -> value < 0);
            }
        });
        assertThat(result.passKeys()).isEmpty();
        assertThatExceptionOfType(RunException.class).isThrownBy(() -> EvaluationRun.of(llama).task(examination).task(examination))
                .withMessageContaining("two task files are named squares");
        assertThatExceptionOfType(RunException.class).isThrownBy(() -> EvaluationRun.of(llama).maxLength(1 << 20).run(Progress.NONE))
                .withMessageContaining("exceeds the 64 positions");
    }

    private static double[][] logLikelihoods(TaskScores scores) {
        return scores.logLikelihoods().toArray(double[][]::new);
    }

    @Test
    void mappingsAreCompared() {
        Corpus prose = Corpus.of(List.of(heldOut), "text");
        ComparisonRun run = ComparisonRun.of(orion).mappings("opm", "exact").dtypes(DType.F32).heldOut("prose", prose).evaluationTokens(256);
        assertThat(run.needsCalibration()).isFalse();
        var students = run.run(Progress.NONE).comparison().students();
        assertThat(students).extracting(ComparedStudent::name).containsExactly("opm", "exact");
        assertThat(students.getFirst().scores().get("prose").fidelity().klMean()).isGreaterThan(1e-3);
        assertThat(students.getLast().scores().get("prose").fidelity().klMean()).isLessThan(1e-6);
        ComparisonRun measured = ComparisonRun.of(orion).mappings("channel").heldOut("prose", prose);
        assertThat(measured.needsCalibration()).isTrue();
        assertThatExceptionOfType(RunException.class).isThrownBy(() -> measured.run(Progress.NONE)).withMessageContaining("measure on a text");
        assertThat(measured.calibration(Corpus.of(List.of(text), "text")).calibrationTokens(512).run(Progress.NONE).comparison().costs()).hasSize(1);
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
