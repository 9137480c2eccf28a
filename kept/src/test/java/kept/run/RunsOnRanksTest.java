package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import kept.TinyTeacher;
import kept.corpus.Corpus;
import kept.corpus.DocumentReader;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.evaluation.Examination;
import kept.evaluation.FewShot;
import kept.evaluation.GoldenScores;
import kept.evaluation.PassKeyTrials;
import kept.evaluation.Task;
import kept.io.ResumableDirectory;
import kept.report.ComparisonReport;
import kept.report.DetailsReport;
import kept.report.EvaluationReport;
import kept.report.FidelityPage;
import kept.tensor.DType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that measure on several ranks, which are threads of this process: all ranks get the figures of one process, to the last bit. */
class RunsOnRanksTest {
    @TempDir
    private static Path directory;
    private static Path orion;
    private static Path llama;
    private static Path text;

    @BeforeAll
    static void prepare() throws IOException {
        orion = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        llama = directory.resolve("llama");
        ConversionRun.of(orion, llama).run(Progress.NONE);
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    /** The last number is larger than that of the sequences. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 8})
    void verificationHasTheFiguresOfOneProcess(int ranks) {
        String one = verify(Communicator.single());
        assertThat(ThreadRanks.run(ranks, RunsOnRanksTest::verify)).hasSize(ranks).containsOnly(one);
    }

    private static String verify(Communicator ranks) {
        var reading = new AtomicInteger();
        VerificationRun.Result result = VerificationRun.of(orion, llama).heldOut("text", read(reading)).heldOut("again", read(reading))
                .evaluationTokens(112).sequenceLength(16).byLayer(true).byTokenClass(true).worst(7).ranks(ranks).run(Progress.NONE);
        assertThat(reading.get()).as("texts that this rank reads").isEqualTo(ranks.rank() == 0 ? 2 : 0);
        Path page = directory.resolve("page%d.html".formatted(ranks.rank()));
        FidelityPage.write(new LinkedHashMap<>(Map.of("teacher", "orion")), result.details(), page);
        return json(DetailsReport.json(result.details())) + contents(page);
    }

    private static Corpus read(AtomicInteger count) {
        Corpus corpus = Corpus.of(List.of(text), "text");
        return new Corpus() {
            @Override
            public DocumentReader open() {
                count.incrementAndGet();
                return corpus.open();
            }

            @Override
            public String description() {
                return corpus.description();
            }
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void comparisonHasTheFiguresOfOneProcess(int ranks) {
        String one = compare(Communicator.single());
        assertThat(ThreadRanks.run(ranks, RunsOnRanksTest::compare)).hasSize(ranks).containsOnly(one);
    }

    private static String compare(Communicator ranks) {
        ComparisonRun.Result result = ComparisonRun.of(orion).mappings("opm", "channel", "calibrated:0.2:1e-5", "exact").student("made", llama)
                .heldOut("text", Corpus.of(List.of(text), "text")).evaluationTokens(80).sequenceLength(16).calibrationTokens(640)
                .calibration(Corpus.of(List.of(text), "text")).ranks(ranks).run(Progress.NONE);
        Map<String, Object> content = new LinkedHashMap<>(ComparisonReport.json(result.comparison()));
        content.remove("mappings"); // Seconds and memory.
        return json(content);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 40})
    void evaluationHasTheScoresOfOneProcess(int ranks) throws IOException {
        Path questions = directory.resolve("questions.jsonl");
        var lines = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            lines.append("{\"context\": \"Line %d tells\", \"choices\": [\"that\", \"%d is the\", \"nothing of it\"], \"answer\": %d}%n"
                    .formatted(i / 2, i * i, i % 3));
        }
        Files.writeString(questions, lines);
        String one = evaluate(Communicator.single(), questions);
        assertThat(ThreadRanks.run(ranks, communicator -> evaluate(communicator, questions))).hasSize(ranks).containsOnly(one);
    }

    private static String evaluate(Communicator ranks, Path questions) {
        Task task = Task.read(questions);
        EvaluationRun.Result result = EvaluationRun.of(llama).teacher(orion)
                .task(new Examination(task, new FewShot(1, task.questions(), " ", OptionalLong.empty()))).maxLength(40)
                .ranks(ranks).run(Progress.NONE);
        var scores = new StringBuilder(json(EvaluationReport.tasksJson(result.tasks())));
        result.tasks().forEach(scored -> scored.models().values().forEach(
                model -> model.logLikelihoods().forEach(choices -> scores.append(Arrays.toString(choices)))));
        return scores.toString();
    }

    @Test
    void aRankThatFailsEndsAll() {
        assertThatThrownBy(() -> ThreadRanks.run(3, ranks -> VerificationRun.of(orion, llama).heldOut("text", Corpus.of(List.of(text), "text"))
                .sequenceLength(ranks.rank() == 1 ? 65 : 16).ranks(ranks).run(Progress.NONE)))
                .isInstanceOf(RankException.class).hasMessage("[rank 1] [verify] --sequence-length 65 exceeds the model's 64 positions");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 30})
    void passKeysAreFoundAsInOneProcess(int ranks) {
        Path model = GoldenScores.model(directory.resolve("golden%d".formatted(ranks)));
        String one = passKeys(Communicator.single(), model);
        assertThat(ThreadRanks.run(ranks, communicator -> passKeys(communicator, model))).hasSize(ranks).containsOnly(one);
    }

    private static String passKeys(Communicator ranks, Path model) {
        var trials = new PassKeyTrials(List.of(240, 256), List.of(0.0, 0.5, 1.0), 2, 7);
        return json(EvaluationReport.passKeysJson(EvaluationRun.of(model).passKeys(trials).ranks(ranks).run(Progress.NONE).passKeys()));
    }

    /** Of 3,000 bytes in a file there are many, of 5 GB one. */
    @ParameterizedTest
    @CsvSource({"2,opm,3000,f32", "3,exact,3000,bf16", "5,opm,5000000000,bf16", "3,calibrated,3000,f32", "40,calibrated,20000,bf16"})
    void conversionWritesTheFilesOfOneProcess(int ranks, String mapping, long shard, String dtype) throws IOException {
        Path one = directory.resolve("one-%d-%s".formatted(ranks, mapping));
        Path several = directory.resolve("several-%d-%s".formatted(ranks, mapping));
        convert(Communicator.single(), one, mapping, shard, dtype);
        ThreadRanks.run(ranks, communicator -> {
            convert(communicator, several, mapping, shard, dtype);
            return null;
        });
        requireSame(several, one);
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial,calibration}");
    }

    private static void convert(Communicator ranks, Path output, String mapping, long shard, String dtype) {
        ConversionRun run = conversion(ranks, output, mapping, shard).dtype(dtype.equals("f32") ? DType.F32 : DType.BF16).verify(true);
        if (ranks.rank() > 0) {
            run.follow();
        } else {
            assertThat(run.run(Progress.NONE).verifiedBytes()).isPositive();
        }
    }

    private static ConversionRun conversion(Communicator ranks, Path output, String mapping, long shard) {
        MappingChoice choice = mapping.equals("calibrated") ? MappingChoice.calibrated(text).withTokens(640) : MappingChoice.of(mapping);
        return ConversionRun.of(orion, output).mapping(choice).maxShardSize(shard).ranks(ranks);
    }

    private static void requireSame(Path actual, Path expected) throws IOException {
        assertThat(names(actual)).isEqualTo(names(expected));
        for (String name : names(expected)) {
            assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
        }
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    /** Rank 0 stops when it has written a file; the others may have written theirs, and another number of ranks writes the rest. */
    @Test
    void aConversionThatWasStoppedIsNotThereAndContinuesOnAnotherNumberOfRanks() throws IOException {
        Path one = directory.resolve("whole");
        conversion(Communicator.single(), one, "opm", 3000).run(Progress.NONE);
        Path several = directory.resolve("pieces");
        assertThatThrownBy(() -> ThreadRanks.run(3, ranks -> {
            ConversionRun run = conversion(ranks, several, "opm", 3000);
            if (ranks.rank() > 0) {
                run.follow();
            } else {
                run.run(stoppedAfter(2));
            }
            return null;
        })).isInstanceOf(RankException.class).hasRootCauseInstanceOf(StoppedException.class);
        assertThat(several).doesNotExist();
        assertThat(ResumableDirectory.files(several)).isDirectoryContaining("glob:**.safetensors").isDirectoryNotContaining("glob:**.index.json");
        ThreadRanks.run(2, ranks -> {
            ConversionRun run = conversion(ranks, several, "opm", 3000).resume(Resume.SAME_BITS);
            if (ranks.rank() > 0) {
                run.follow();
            } else {
                run.run(Progress.NONE);
            }
            return null;
        });
        requireSame(several, one);
    }

    private static Progress stoppedAfter(int parts) {
        var left = new AtomicInteger(parts);
        return new Progress() {
            @Override
            public Stop stop() {
                return () -> left.decrementAndGet() < 0;
            }
        };
    }

    private static String json(Object content) {
        try {
            return new ObjectMapper().writeValueAsString(content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String contents(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
