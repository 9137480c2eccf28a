package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import kept.FailingCommunicator;
import kept.TinyTeacher;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Distillation on several ranks, which are threads of this process, writes the files of one. */
class DistillationRanksTest {
    private static final int STEPS = 6;

    @TempDir
    private Path directory;
    private Path orion;
    private Path text;
    private Sharding divided = Sharding.NONE;
    private String trained = "all";
    private int steps = STEPS;
    /** Null for a mapping. */
    private Path student;

    @BeforeEach
    void prepare() throws IOException {
        orion = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    @ParameterizedTest
    @CsvSource({"2,opm,false", "3,opm,true", "4,calibrated,false", "2,calibrated,true"})
    void theFilesAreThoseOfOneRank(int ranks, String mapping, boolean isShort) throws IOException {
        distil(1, "one", mapping, isShort, false, Long.MAX_VALUE);
        distil(ranks, "several", mapping, isShort, false, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** Whatever is divided over the ranks, and however many there are. */
    @ParameterizedTest
    @CsvSource({"2,optimizer,false", "3,optimizer,true", "2,all,false", "3,all,false", "4,all,true"})
    void theFilesAreTheSameWhenTensorsAreDivided(int ranks, String sharding, boolean isShort) throws IOException {
        distil(1, "one", "opm", isShort, false, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        distil(ranks, "several", "opm", isShort, false, Long.MAX_VALUE);
        assertSameFiles();
    }

    @ParameterizedTest
    @CsvSource({"2,none", "2,all", "3,optimizer"})
    void theFilesAreTheSameWhenTheStudentSharesTheTeachersWeights(int ranks, String sharding) throws IOException {
        trained = "norms";
        distil(1, "one", "opm", false, false, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        distil(ranks, "several", "opm", false, false, Long.MAX_VALUE);
        assertSameFiles();
    }

    @ParameterizedTest
    @CsvSource({"2,none", "3,all"})
    void theFilesAreTheSameFromAGivenStudent(int ranks, String sharding) throws IOException {
        distil(1, "given", "opm", false, false, Long.MAX_VALUE);
        student = directory.resolve("given");
        distil(1, "one", "", false, false, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        distil(ranks, "several", "", false, false, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** Rank 0 alone knows the warm-up of the start, which is not that of the new total. */
    @ParameterizedTest
    @CsvSource({"2,none", "3,all"})
    void theFilesAreTheSameWhenTheTotalIsRaised(int ranks, String sharding) throws IOException {
        for (String output : List.of("one", "several")) {
            assertThatThrownBy(() -> distil(1, output, "opm", false, false, 2)).hasRootCauseInstanceOf(StoppedException.class);
        }
        steps = 40;
        distil(1, "one", "opm", false, true, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        distil(ranks, "several", "opm", false, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** With norms beside them, which the checkpoint rounds. */
    @ParameterizedTest
    @CsvSource({"2,none,opm,false", "3,optimizer,opm,true", "2,all,calibrated,false", "3,all,opm,true"})
    void theFilesAreTheSameWhenAdaptersAreTrained(int ranks, String sharding, String mapping, boolean isShort) throws IOException {
        trained = "norms,lora";
        distil(1, "one", mapping, isShort, false, Long.MAX_VALUE);
        divided = Sharding.valueOf(sharding.toUpperCase(Locale.ROOT));
        assertThatThrownBy(() -> distil(ranks, "several", mapping, isShort, false, 3)).hasRootCauseInstanceOf(StoppedException.class);
        distil(ranks, "several", mapping, isShort, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    @Test
    void aRunSavedOnFourRanksContinuesOnTwoAndOnOne() throws IOException {
        distil(1, "one", "opm", true, false, Long.MAX_VALUE);
        assertThatThrownBy(() -> distil(4, "several", "opm", true, false, 2)).hasRootCauseInstanceOf(StoppedException.class);
        assertThatThrownBy(() -> distil(2, "several", "opm", true, true, 4)).hasRootCauseInstanceOf(StoppedException.class);
        distil(1, "several", "opm", true, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** Rank 0 saves the state of the last step when another rank fails in the middle of one, and any number of ranks resumes from it. */
    @Test
    void aRankThatFailsLosesNoFinishedStep() throws IOException {
        distil(1, "one", "opm", false, false, Long.MAX_VALUE);
        requireTwoStepsAfterFailure(60, 0);
        assertThat(directory.resolve("several")).doesNotExist();
        distil(2, "several", "opm", false, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** Rank 0 has not all of the last step's state then, and the state that was saved before stays whole. */
    @Test
    void aRankThatFailsLeavesTheSavedStateWhereTensorsAreDivided() throws IOException {
        distil(1, "one", "opm", false, false, Long.MAX_VALUE);
        divided = Sharding.ALL;
        requireTwoStepsAfterFailure(3, 2);
        distil(2, "several", "opm", false, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    /** Lets rank 1 of three fail after some sums, in the middle of a step; a state of two steps is left. */
    private void requireTwoStepsAfterFailure(int calls, int saveEvery) {
        assertThatThrownBy(() -> ThreadRanks.run(3, communicator -> {
            DistillationRun run = run("several", "opm", false, Long.MAX_VALUE, failing(communicator, calls))
                    .training(training(false, Long.MAX_VALUE).saveEvery(saveEvery));
            if (communicator.rank() == 0) {
                run.run(Progress.NONE);
            } else {
                run.follow(Progress.NONE);
            }
            return null;
        })).isInstanceOf(RankException.class).hasRootCauseMessage("the disk is full");
        requireTwoSteps();
    }

    /** A signal may reach any rank. Rank 0 hears of it with the step, and gets the others' parts of what lies divided. */
    @ParameterizedTest
    @EnumSource(names = {"NONE", "ALL"})
    void aRankThatIsAskedToStopLetsRank0SaveTheState(Sharding sharding) throws IOException {
        distil(1, "one", "opm", false, false, Long.MAX_VALUE);
        divided = sharding;
        assertThatThrownBy(() -> ThreadRanks.run(3, communicator -> {
            DistillationRun run = run("several", "opm", false, Long.MAX_VALUE, communicator).training(training(false, Long.MAX_VALUE).saveEvery(0));
            if (communicator.rank() == 0) {
                run.run(Progress.NONE);
            } else {
                run.follow(stoppedInStep(communicator.rank() == 1 ? 2 : Integer.MAX_VALUE));
            }
            return null;
        })).hasRootCauseInstanceOf(StoppedException.class);
        requireTwoSteps();
        divided = Sharding.NONE;
        distil(2, "several", "opm", false, true, Long.MAX_VALUE);
        assertSameFiles();
    }

    private static Progress stoppedInStep(int step) {
        var steps = new AtomicInteger();
        return new Progress() {
            @Override
            public Stop stop() {
                return () -> steps.incrementAndGet() >= step;
            }
        };
    }

    private void requireTwoSteps() {
        try (var state = SafetensorsFile.open(directory.resolve("several.training").resolve("state.safetensors"))) {
            assertThat(state.metadata().get("kept.step")).isEqualTo("2");
        }
    }

    /** In rank 1 sums fail after some calls, in the middle of a step. */
    private static Communicator failing(Communicator communicator, int calls) {
        return communicator.rank() == 1 ? FailingCommunicator.of(communicator, "allReduce", calls, new IllegalStateException("the disk is full"))
                : communicator;
    }

    /** The formula of docs/distributed.md: the gradients twice, less the rank's own part; rank 0 also sends token ids, in rounds that double. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void eachRankSendsTheBytesOfTheFormula(int ranks) throws IOException {
        List<Long> few = sent(ranks, 2, "few");
        List<Long> more = sent(ranks, 5, "more");
        long gradients;
        try (var weights = Checkpoint.open(directory.resolve("more"))) {
            gradients = weights.names().stream().mapToLong(name -> weights.entry(name).shape().elementCount()).sum() * Float.BYTES;
        }
        for (int rank = 0; rank < ranks; rank++) {
            double step = (more.get(rank) - few.get(rank)) / 3.0;
            int ids = rank > 0 ? 0 : (Integer.SIZE - Integer.numberOfLeadingZeros(ranks - 1)) * 4 * 2 * 17 * Integer.BYTES;
            assertThat(step).as("rank %d", rank).isCloseTo(2.0 * gradients * (ranks - 1) / ranks + ids, withinPercentage(1));
        }
    }

    /** Bytes that each rank has sent after some steps. */
    private List<Long> sent(int ranks, int steps, String output) {
        return ThreadRanks.run(ranks, communicator -> {
            DistillationRun run = run(output, "opm", false, Long.MAX_VALUE, communicator).tokens(steps * 8L * 16);
            if (communicator.rank() == 0) {
                run.run(Progress.NONE);
            } else {
                run.follow(Progress.NONE);
            }
            return communicator.bytesSent();
        });
    }

    @Test
    void moreRanksThanPassesAreRefusedByAll() {
        assertThatThrownBy(() -> distil(5, "several", "opm", false, false, Long.MAX_VALUE)).isInstanceOf(RankException.class)
                .hasMessageContaining("5 ranks share the passes of a step, and --accumulation is 4; give at least one pass to each, "
                        + "such as --batch-size 1 --accumulation 8");
    }

    private void distil(int ranks, String output, String mapping, boolean isShort, boolean resume, long stopAfter) {
        ThreadRanks.run(ranks, communicator -> {
            DistillationRun run = run(output, mapping, isShort, stopAfter, communicator).resume(resume ? Resume.SAME_BITS : Resume.NO);
            if (communicator.rank() == 0) {
                run.run(Progress.NONE);
            } else {
                run.follow(Progress.NONE);
            }
            return null;
        });
    }

    private DistillationRun run(String output, String mapping, boolean isShort, long stopAfter, Communicator communicator) {
        MappingChoice start = student == null ? MappingChoice.of(mapping) : MappingChoice.student(student);
        return DistillationRun.of(orion, directory.resolve(output)).corpus(text).mapping(start).tokens(steps * 8L * 16).evaluationTokens(64)
                .training(training(isShort, stopAfter)).ranks(communicator).sharding(divided).train(ParameterSelection.parse(trained));
    }

    private static TrainingSettings training(boolean isShort, long stopAfter) {
        var training = new TrainingSettings().sequenceLength(16).batchSize(2).accumulation(4).saveEvery(1).stopAfter(stopAfter).learningRate(3e-3);
        return isShort ? training.trainDtype(DType.BF16).moments8Bit(true) : training;
    }

    /** All files but the report, whose times differ. */
    private void assertSameFiles() throws IOException {
        List<Path> names = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory.resolve("one"))) {
            files.map(Path::getFileName).filter(name -> !name.toString().matches("report\\..*|metrics\\.jsonl")).forEach(names::add);
        }
        assertThat(names).contains(Path.of("model.safetensors"), Path.of("config.json"));
        for (Path name : names) {
            assertThat(directory.resolve("several").resolve(name)).hasSameBinaryContentAs(directory.resolve("one").resolve(name));
        }
        assertThat(losses("several")).hasSizeGreaterThan(STEPS).isEqualTo(losses("one"));
    }

    private List<String> losses(String output) throws IOException {
        return Files.readAllLines(directory.resolve(output).resolve("metrics.jsonl")).stream()
                .map(line -> line.replaceFirst(",\"seconds\".*", "")).toList();
    }
}
