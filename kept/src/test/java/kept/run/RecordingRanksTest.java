package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import kept.TinyTeacher;
import kept.distributed.Communicator;
import kept.distributed.ThreadRanks;
import kept.recording.RecordedForm;
import kept.tensor.TensorException;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Recordings of a teacher's logits, and distillation from them, on any number of ranks, which are threads of this process. */
class RecordingRanksTest {
    /**
     * How much is recorded.
     *
     * @param tokens the number of tokens
     * @param length tokens of a sequence
     */
    private record Size(long tokens, int length) {}

    /** Six steps. */
    private static final Size SHORT = new Size(6 * 8 * 16, 16);
    /** So many that a recording has three files, in sequences that are quick for their number. */
    private static final Size LONG = new Size(140_800, 64);

    /** The models and texts, and the recordings of {@link #LONG} of one rank by their form, of all tests. */
    @TempDir
    private static Path shared;
    private static Path orion;
    private static Path text;
    private static final Map<RecordedForm, Path> RECORDED = new HashMap<>();

    @TempDir
    private Path directory;
    /** What one rank has written. */
    private Path one;
    private Sharding divided = Sharding.NONE;
    private String trained = "all";

    @BeforeAll
    static void prepareShared() throws IOException {
        RECORDED.clear();
        orion = TinyTeacher.write(Files.createDirectory(shared.resolve("orion")));
        text = TinyTeacher.text(shared.resolve("text.txt"));
    }

    @BeforeEach
    void prepare() {
        one = directory.resolve("one");
    }

    /** {@code -Dkept.thorough} with two ranks, and with five, of which two have no file, too. */
    static List<Arguments> ranksAndForms() {
        List<Arguments> cases = List.of(Arguments.of(3, RecordedForm.samples(4)), Arguments.of(2, RecordedForm.topK(2)),
                Arguments.of(5, RecordedForm.topK(2)));
        return some(cases, 1);
    }

    @ParameterizedTest
    @MethodSource("ranksAndForms")
    void theFilesOfARecordingAreThoseOfOneRank(int ranks, RecordedForm form) throws IOException {
        recordLong(form);
        record(ranks, "several", form, LONG, false, Progress.NONE);
        assertThat(names(one)).containsExactly("held-out-000.safetensors", "held-out-001.safetensors", "logits-000000.safetensors",
                "logits-000001.safetensors", "logits-000002.safetensors", "recording.json");
        assertSameFiles();
    }

    private static List<Arguments> some(List<Arguments> cases, int count) {
        return Boolean.getBoolean("kept.thorough") ? cases : cases.subList(0, count);
    }

    /** {@code -Dkept.thorough} with all that is trained divided and nothing, too. */
    static List<Arguments> ranksAndSharding() {
        return some(List.of(Arguments.of(3, "all", "norms"), Arguments.of(2, "optimizer", "all"), Arguments.of(2, "none", "all"),
                Arguments.of(3, "all", "all")), 2);
    }

    @ParameterizedTest
    @MethodSource("ranksAndSharding")
    void theStudentOfARecordingIsThatOfOneRank(int ranks, String sharding, String train) throws IOException {
        record(1, "logits", RecordedForm.topK(8), SHORT, false, Progress.NONE);
        trained = train;
        distil(1, "one", false, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        distil(ranks, "several", false, Long.MAX_VALUE);
        assertSameFiles();
    }

    @Test
    void aTrainingFromARecordingResumesWithTheSameBitsOnOtherRanks() throws IOException {
        record(1, "logits", RecordedForm.samples(8), SHORT, false, Progress.NONE);
        distil(1, "one", false, Long.MAX_VALUE);
        assertThatThrownBy(() -> distil(2, "several", false, 2)).hasRootCauseInstanceOf(StoppedException.class);
        distil(4, "several", true, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** {@code -Dkept.thorough} with one rank too. */
    static List<Arguments> ranksAndTokens() {
        return some(List.of(Arguments.of(2, 140_000), Arguments.of(1, 70_000)), 1);
    }

    @ParameterizedTest
    @MethodSource("ranksAndTokens")
    void aRecordingThatIsStoppedContinues(int ranks, long tokens) throws IOException {
        RecordedForm form = RecordedForm.topK(2);
        recordLong(form);
        // In a file after the first round.
        assertThatThrownBy(() -> record(ranks, "several", form, LONG, false, stoppedAfter(tokens))).satisfiesAnyOf(
                error -> assertThat(error).isInstanceOf(StoppedException.class),
                error -> assertThat(error).hasRootCauseInstanceOf(StoppedException.class));
        assertThat(directory.resolve("several")).doesNotExist();
        assertThat(names(directory.resolve("several.partial/files")))
                .contains("logits-000000.safetensors").doesNotContain("logits-000002.safetensors");
        record(3, "several", form, LONG, true, Progress.NONE);
        assertSameFiles();
    }

    /** A file that a crash has left damaged is written again. */
    @Test
    void aDamagedFileOfAnUnfinishedRecordingIsWrittenAgain() throws IOException {
        RecordedForm form = RecordedForm.topK(2);
        recordLong(form);
        assertThatThrownBy(() -> record(1, "several", form, LONG, false, stoppedAfter(70_000))).isInstanceOf(StoppedException.class);
        Path first = directory.resolve("several.partial/files/logits-000000.safetensors");
        byte[] bytes = Files.readAllBytes(first);
        bytes[bytes.length / 2] ^= 4;
        Files.write(first, bytes);
        record(1, "several", form, LONG, true, Progress.NONE);
        assertSameFiles();
    }

    @Test
    void aRankThatIsAskedToStopStopsAll() {
        assertThatThrownBy(() -> ThreadRanks.run(2, communicator -> {
            DistillationRun run = recording("several", LONG, communicator);
            if (communicator.rank() == 0) {
                run.record(RecordedForm.topK(2), Progress.NONE);
            } else {
                run.followRecording(RecordedForm.topK(2), stopped());
            }
            return null;
        })).hasRootCauseInstanceOf(StoppedException.class);
        assertThat(directory.resolve("several.partial/files/logits-000000.safetensors")).exists();
        assertThat(directory.resolve("several.partial/files/logits-000001.safetensors")).as("what it was at is given up").doesNotExist();
    }

    /** The others end with the reason of the one that cannot go on. */
    @Test
    void aRankThatFailsEndsAll() throws IOException {
        Files.createDirectories(directory.resolve("several.partial").resolve("files"));
        Files.createFile(directory.resolve("several.partial").resolve("files").resolve("mine"));
        assertThatThrownBy(() -> record(2, "several", RecordedForm.topK(2), SHORT, false, Progress.NONE)).isInstanceOf(TensorException.class);
    }

    @Test
    void ranksAboveTheFirstFollow() {
        ThreadRanks.run(2, communicator -> {
            DistillationRun run = recording("several", SHORT, communicator);
            if (communicator.rank() == 0) {
                assertThatThrownBy(() -> run.followRecording(RecordedForm.topK(2), Progress.NONE)).isInstanceOf(RunException.class);
            } else {
                assertThatThrownBy(() -> run.record(RecordedForm.topK(2), Progress.NONE)).isInstanceOf(RunException.class);
            }
            return null;
        });
    }

    /** Asked to stop when some tokens are recorded. */
    private static Progress stoppedAfter(long tokens) {
        var recorded = new AtomicLong();
        return new Progress() {
            @Override
            public void done(long amount) {
                recorded.set(amount);
            }

            @Override
            public Stop stop() {
                return () -> recorded.get() >= tokens;
            }
        };
    }

    private static Progress stopped() {
        return new Progress() {
            @Override
            public Stop stop() {
                return () -> true;
            }
        };
    }

    /** Makes the recording of one rank, once for all tests. */
    private void recordLong(RecordedForm form) {
        one = RECORDED.computeIfAbsent(form, _ -> {
            Path files = shared.resolve("recording" + RECORDED.size());
            recording(files, LONG, Communicator.single()).record(form, Progress.NONE);
            return files;
        });
    }

    private void record(int ranks, String output, RecordedForm form, Size size, boolean resume, Progress progress) {
        if (ranks == 1) {
            recording(output, size, Communicator.single()).resume(resume ? Resume.SAME_BITS : Resume.NO).record(form, progress);
            return;
        }
        ThreadRanks.run(ranks, communicator -> {
            DistillationRun run = recording(output, size, communicator).resume(resume ? Resume.SAME_BITS : Resume.NO);
            if (communicator.rank() == 0) {
                run.record(form, progress);
            } else {
                run.followRecording(form, Progress.NONE);
            }
            return null;
        });
    }

    private DistillationRun recording(String output, Size size, Communicator communicator) {
        return recording(directory.resolve(output), size, communicator);
    }

    private static DistillationRun recording(Path output, Size size, Communicator communicator) {
        return DistillationRun.of(orion, output).corpus(text).tokens(size.tokens).evaluationTokens(64)
                .training(training(Long.MAX_VALUE, size.length)).ranks(communicator);
    }

    private void distil(int ranks, String output, boolean resume, long stopAfter) {
        ThreadRanks.run(ranks, communicator -> {
            DistillationRun run = recording(output, SHORT, communicator).training(training(stopAfter, SHORT.length))
                    .resume(resume ? Resume.SAME_BITS : Resume.NO).recorded(directory.resolve("logits")).sharding(divided)
                    .train(ParameterSelection.parse(trained));
            if (communicator.rank() == 0) {
                run.run(Progress.NONE);
            } else {
                run.follow(Progress.NONE);
            }
            return null;
        });
    }

    private static TrainingSettings training(long stopAfter, int length) {
        return new TrainingSettings().sequenceLength(length).batchSize(2).accumulation(4).saveEvery(1).stopAfter(stopAfter).learningRate(3e-3);
    }

    private static List<String> names(Path output) throws IOException {
        try (Stream<Path> files = Files.list(output)) {
            return files.map(path -> path.getFileName().toString()).filter(name -> !name.matches("report\\..*|metrics\\.jsonl")).sorted().toList();
        }
    }

    private void assertSameFiles() throws IOException {
        Path several = directory.resolve("several");
        assertThat(names(several)).isEqualTo(names(one));
        for (String name : names(one)) {
            assertThat(several.resolve(name)).hasSameBinaryContentAs(one.resolve(name));
        }
    }
}
