package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.mapping.Mapping;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A calibration on several ranks, which are threads of this process, measures the tensors of one process. */
class CalibrationRanksTest {
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.ORION).vocabSize(50).hiddenSize(12).intermediateSize(20)
            .layers(1).heads(2).keyValueHeads(1).headDimension(6).maxPositions(64).initializerRange(0.15).dtype(DType.F32).build();
    private static final Mapping MAPPING = Mapping.named("calibrated", CONFIG);
    private static final Weights TEACHER = new RandomWeights(CONFIG, 5);

    @TempDir
    private Path directory;

    /** 700 sequences are 11 parts that are not held out, in 8 blocks, and one that is; 40 are one block. */
    static Stream<Arguments> cases() {
        Stream<Arguments> some = Stream.of(Arguments.of(3, 700, 0.2), Arguments.of(9, 700, 0.2), Arguments.of(2, 40, Double.NaN));
        return Boolean.getBoolean("kept.thorough") ? Stream.concat(some, Stream.of(Arguments.of(4, 700, 0.2), Arguments.of(5, 700, Double.NaN),
                Arguments.of(3, 40, 0.2))) : some;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyRankMeasuresTheTensorsOfOneProcess(int ranks, int sequences, double anchor) throws IOException {
        int[][] text = text(sequences);
        var options = new CalibrationOptions(anchor, Double.NaN, null);
        MeasuredTensors one = MeasuredTensors.open(directory.resolve("one"), Map.of());
        new Calibration(MAPPING, TEACHER, text, options, Device.cpu()).run(one, _ -> { }, _ -> { }, _ -> { });
        ThreadRanks.run(ranks, communicator -> {
            MeasuredTensors own = MeasuredTensors.open(directory.resolve("rank" + communicator.rank()), Map.of());
            var calibration = new Calibration(MAPPING, TEACHER, text, options, Device.cpu(), communicator);
            var done = new AtomicLong();
            calibration.run(own, done::addAndGet, _ -> { }, _ -> { });
            assertThat(done.get()).isEqualTo(calibration.work());
            return null;
        });
        for (int rank = 0; rank < ranks; rank++) {
            requireSame("rank" + rank);
        }
    }

    /** Only rank 0 knows what was measured before. */
    @Test
    void aCalibrationThatWasStoppedContinuesOnAnotherNumberOfRanks() throws IOException {
        int[][] text = text(700);
        var options = new CalibrationOptions(0.2, Double.NaN, null);
        MeasuredTensors one = MeasuredTensors.open(directory.resolve("one"), Map.of());
        new Calibration(MAPPING, TEACHER, text, options, Device.cpu()).run(one, _ -> { }, _ -> { }, _ -> { });
        MeasuredTensors several = MeasuredTensors.open(directory.resolve("several"), Map.of());
        assertThatThrownBy(() -> run(3, several, text, options, 1)).isInstanceOf(RankException.class).hasMessageContaining("stopped");
        assertThat(names("several")).hasSizeLessThan(names("one").size());
        assertThatThrownBy(() -> run(2, several, text, options, 0)).isInstanceOf(RankException.class).hasMessageContaining("stopped");
        assertThat(names("several")).hasSizeLessThan(names("one").size());
        run(4, several, text, options, Integer.MAX_VALUE);
        requireSame("several");
    }

    private static void run(int ranks, MeasuredTensors measured, int[][] text, CalibrationOptions options, int most) {
        ThreadRanks.run(ranks, communicator -> {
            MeasuredTensors own = communicator.rank() == 0 ? measured : MeasuredTensors.inMemory();
            var notes = new AtomicLong();
            new Calibration(MAPPING, TEACHER, text, options, Device.cpu(), communicator).run(own, _ -> { }, _ -> { }, note -> {
                if (communicator.rank() == 0 && note.contains("relative error") && notes.incrementAndGet() > most) {
                    throw new IllegalStateException("stopped");
                }
            });
            return null;
        });
    }

    private static int[][] text(int sequences) {
        var random = new Random(1);
        return Stream.generate(() -> random.ints(64, 0, 50).toArray()).limit(sequences).toArray(int[][]::new);
    }

    private Map<String, Path> names(String name) throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve(name))) {
            var all = new TreeMap<String, Path>();
            files.forEach(file -> all.put(file.getFileName().toString(), file));
            return all;
        }
    }

    private void requireSame(String name) throws IOException {
        Map<String, Path> expected = names("one");
        assertThat(expected).hasSize(1 + 1 + 3 + 2);
        assertThat(names(name).keySet()).isEqualTo(expected.keySet());
        for (Map.Entry<String, Path> file : names(name).entrySet()) {
            assertThat(file.getValue()).as(file.getKey()).hasSameBinaryContentAs(expected.get(file.getKey()));
        }
    }
}
