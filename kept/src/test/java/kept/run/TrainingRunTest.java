package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import kept.corpus.TokenSequences;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.Device;
import kept.training.LanguageModelling;
import kept.training.StepMetrics;
import kept.training.Trainer;
import kept.training.TrainingOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The directory of a training run and what is left in it. */
class TrainingRunTest {
    private static final int STEPS = 6;

    @TempDir
    private Path directory;

    @Test
    void theStateAfterTheLastStepStaysUntilTheOutputIsInPlace() {
        Path output = directory.resolve("llama");
        Path state = directory.resolve("llama.training/state.safetensors");
        List<String> notes = new ArrayList<>();
        var progress = new Progress() {
            @Override
            public void note(String line) {
                notes.add(line);
            }
        };
        Map<String, String> settings = Map.of("seed", "1");
        List<StepMetrics> steps;
        try (Decoder model = model();
                var run = new TrainingRun(progress, output, Resume.NO, true, false);
                Trainer trainer = trainer(model)) {
            run.require(settings, Device.cpu());
            steps = run.train("test", training(trainer), new TrainingSettings()).steps();
            assertThat(state).exists();
        }
        assertThat(state).as("the output failed").exists();
        assertThat(notes).anyMatch(line -> line.contains("llama.training") && line.contains("--resume"));
        try (Decoder model = model();
                var run = new TrainingRun(progress, output, Resume.SAME_BITS, true, false);
                Trainer trainer = trainer(model)) {
            run.require(settings, Device.cpu());
            assertThat(run.train("test", training(trainer), new TrainingSettings()).steps()).isEqualTo(steps).hasSize(STEPS);
            run.discard();
        }
        assertThat(directory).isDirectoryNotContaining("glob:**.training");
    }

    private static TrainingRun.Training training(Trainer trainer) {
        return new TrainingRun.Training(trainer, STEPS, HeldOutEvaluation.NONE, _ -> { }, () -> { });
    }

    private static Decoder model() {
        DecoderConfig config = DecoderConfig.builder(Architecture.LLAMA).vocabSize(40).hiddenSize(16).intermediateSize(24).layers(1).heads(2)
                .keyValueHeads(2).headDimension(8).maxPositions(16).build();
        Decoder model = Decoder.create(config, new RandomWeights(config, 1), Device.cpu());
        model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        return model;
    }

    private static Trainer trainer(Decoder model) {
        var options = new TrainingOptions(STEPS, 1, 1, 4, new LearningRateSchedule.Constant(1e-3, 1), new AdamW.Settings(0.9, 0.95, 1e-8, 0), 1);
        return new Trainer(model, new LanguageModelling(), new Counting(), options);
    }

    /** Sequences of rising ids. */
    private static final class Counting implements TokenSequences {
        private long position;

        @Override
        public int[] next(int count) {
            return IntStream.range(0, 5).map(i -> (int) (position++ % 40)).toArray();
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public void seek(long to) {
            position = to;
        }
    }
}
