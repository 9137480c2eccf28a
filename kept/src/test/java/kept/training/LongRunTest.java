package kept.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.backend.DistillationObjective;
import kept.backend.MemoryUsage;
import kept.corpus.Corpus;
import kept.corpus.LetterTokenizer;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Two thousand steps as a run does them, with its text, its metrics, its saved states and its evaluations: nothing piles up. {@code -Dkept.thorough}
 * does them without activation checkpointing too.
 */
class LongRunTest {
    private static final int STEPS = 2000;
    private static final int WARM = 100;
    private static final int SAVED_EVERY = 50;
    private static final int LENGTH = 8;
    /** The metrics of all steps are kept for the report: some 80 bytes each. A leak of half a kilobyte a step shows. */
    private static final long HEAP_GROWTH = 1 << 20;
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(128).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(2).keyValueHeads(2).headDimension(8).maxPositions(32).build();

    @TempDir
    private Path directory;

    /** What a process holds after a step. */
    private record Held(MemoryUsage tensors, long heap, long files) {
        static Held now() {
            System.gc();
            System.gc();
            Runtime runtime = Runtime.getRuntime();
            return new Held(Device.cpu().memoryUsage(), runtime.totalMemory() - runtime.freeMemory(), openFiles());
        }
    }

    static List<Boolean> checkpointing() {
        return Boolean.getBoolean("kept.thorough") ? List.of(true, false) : List.of(true);
    }

    @ParameterizedTest
    @MethodSource("checkpointing")
    void heapNativeMemoryAndOpenFilesStayAsTheyAre(boolean checkpointing) throws IOException {
        Path text = Files.writeString(directory.resolve("text.txt"),
                IntStream.range(0, 300).mapToObj(i -> "Line " + i + " tells of " + i * i + ".").collect(Collectors.joining("\n")));
        DecoderConfig llama = ORION.toLlama();
        var options = new TrainingOptions(STEPS, 2, 2, LENGTH, new LearningRateSchedule.Cosine(1e-3, 100, STEPS, 0.1), AdamW.Settings.DEFAULT, 1);
        try (PackedTokens tokens = PackedTokens.of(Corpus.of(List.of(text), "text"), new LetterTokenizer(), Long.MAX_VALUE);
                Decoder teacher = Decoder.create(ORION, new RandomWeights(ORION, 1), Device.cpu());
                Decoder student = Decoder.create(llama, new RandomWeights(llama, 2), Device.cpu());
                MetricsLog log = MetricsLog.open(
                        directory.resolve("metrics.jsonl"), List.of(), HeldOutCurve.EMPTY, _ -> { }, new LinkedHashMap<>())) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            student.setActivationCheckpointing(checkpointing);
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            var best = new BestState(TeacherLogits.of(teacher), student, TextEvaluation.of("text", tokens, LENGTH, 64),
                    new StoredRounding(student, DType.BF16), new RandomWeights(llama, 2),
                    directory.resolve("best.safetensors"));
            try (var trainer = new Trainer(student, objective, new PackedSequences(tokens, 64, LENGTH, 1, 0), options)) {
                Held warm = null;
                while (!trainer.isFinished()) {
                    log.add(trainer.next());
                    if (trainer.step() % SAVED_EVERY == 0) {
                        trainer.save(directory.resolve("state.safetensors"), Map.of("seed", "0"), best.curve());
                        best.evaluate(trainer.step(), trainer.step());
                    }
                    if (trainer.step() == WARM) {
                        warm = Held.now();
                    }
                }
                assertSame(Held.now(), warm);
            }
        }
        assertThat(Files.readAllLines(directory.resolve("metrics.jsonl"))).hasSize(STEPS);
    }

    private static void assertSame(Held last, Held warm) {
        assertThat(last.tensors().inUse()).as("bytes of tensors").isEqualTo(warm.tensors().inUse());
        assertThat(last.tensors().reserved()).as("bytes of the pool").isEqualTo(warm.tensors().reserved());
        assertThat(last.tensors().obtained()).as("bytes ever taken from the system").isEqualTo(warm.tensors().obtained());
        assertThat(last.heap()).as("bytes of the heap").isLessThan(warm.heap() + HEAP_GROWTH);
        assertThat(last.files()).as("open files").isEqualTo(warm.files());
    }

    /** Where the system does not show them, none are counted. */
    private static long openFiles() {
        Path own = Path.of("/proc/self/fd");
        if (!Files.isDirectory(own)) {
            return 0;
        }
        try (Stream<Path> files = Files.list(own)) {
            return files.count();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void anOpenFileIsSeenWhereTheSystemShowsThem() throws IOException {
        long before = openFiles();
        try (var _ = Files.newInputStream(Files.writeString(directory.resolve("open"), ""))) {
            assertThat(openFiles()).isEqualTo(before == 0 ? 0 : before + 1);
        }
    }
}
