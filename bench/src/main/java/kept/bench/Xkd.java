package kept.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import kept.backend.DistillationObjective;
import kept.distill.Distillation;
import kept.distill.StepMetrics;
import kept.distill.TokenSequences;
import kept.distill.Trainer;
import kept.distill.TrainingOptions;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.Device;

/**
 * The whole XKD step (frozen Orion forward, Llama forward and backward, clipping, AdamW) on random weights and tokens, the same work and the same
 * three sizes as the PyTorch peer {@code torch_xkd.py}, reported in the same form.
 */
final class Xkd {
    private static final int WARM_UP_STEPS = 5;

    private Xkd() {}

    /** A model size and a batch shape. */
    private enum Size {
        S(256, 8, 8, 768, 4096, 256, 8),
        M(768, 12, 12, 2304, 32000, 512, 2),
        L(1024, 16, 16, 3072, 32000, 1024, 1);

        private final int hidden;
        private final int layers;
        private final int heads;
        private final int intermediate;
        private final int vocabulary;
        private final int sequence;
        private final int batch;

        Size(int hidden, int layers, int heads, int intermediate, int vocabulary, int sequence, int batch) {
            this.hidden = hidden;
            this.layers = layers;
            this.heads = heads;
            this.intermediate = intermediate;
            this.vocabulary = vocabulary;
            this.sequence = sequence;
            this.batch = batch;
        }

        private DecoderConfig config(Architecture architecture) {
            return DecoderConfig.builder(architecture).vocabSize(vocabulary).hiddenSize(hidden).intermediateSize(intermediate).layers(layers)
                    .heads(heads).keyValueHeads(heads).headDimension(hidden / heads).maxPositions(sequence).normEps(1e-5).build();
        }
    }

    /**
     * Runs {@code xkd --config S|M|L [--steps N]}.
     *
     * @param arguments what follows {@code xkd}
     */
    static void run(String... arguments) {
        Size size = Size.valueOf(option(arguments, "--config", "S").toUpperCase(Locale.ROOT));
        int steps = Integer.parseInt(option(arguments, "--steps", "8"));
        Device device = Device.cpu();
        System.err.println(device.backend().description());
        DecoderConfig orion = size.config(Architecture.ORION);
        DecoderConfig llama = size.config(Architecture.LLAMA);
        var options = new TrainingOptions(WARM_UP_STEPS + steps, size.batch, 1, size.sequence, new LearningRateSchedule.Constant(1e-4, 0),
                new AdamW.Settings(0.9, 0.999, 1e-8, 0.01), 1.0);
        try (Decoder teacher = Decoder.create(orion, new RandomWeights(orion, 1), device);
                Decoder student = Decoder.create(llama, new RandomWeights(llama, 2), device)) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            try (var trainer = new Trainer(student, objective, new RandomTokens(size.vocabulary, size.sequence + 1), options)) {
                double[] seconds = new double[steps];
                for (int i = -WARM_UP_STEPS; i < steps; i++) {
                    StepMetrics step = trainer.next();
                    if (i >= 0) {
                        seconds[i] = step.seconds();
                    }
                }
                report(size, student, seconds);
            }
        }
    }

    private static void report(Size size, Decoder student, double... seconds) {
        Arrays.sort(seconds);
        double median = (seconds[(seconds.length - 1) / 2] + seconds[seconds.length / 2]) / 2;
        long parameters = student.parameters().values().stream().mapToLong(parameter -> parameter.value().elementCount()).sum();
        double tokens = (double) size.batch * size.sequence;
        System.out.printf(Locale.ROOT, "kept config %s params %.1fM tokens/s %.1f step %.0f ms best %.1f peakRSS %s%n",
                size, parameters / 1e6, tokens / median, median * 1e3, tokens / seconds[0], peakResidentMemory());
    }

    /** The process's largest resident memory, where the operating system tells it. */
    private static String peakResidentMemory() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmHWM:")) {
                    return String.format(Locale.ROOT, "%.2f GB", Double.parseDouble(line.replaceAll("\\D", "")) * 1024 / 1e9);
                }
            }
        } catch (IOException e) {
            return "unknown";
        }
        return "unknown";
    }

    private static String option(String[] arguments, String name, String otherwise) {
        int at = Arrays.asList(arguments).indexOf(name);
        return at >= 0 && at + 1 < arguments.length ? arguments[at + 1] : otherwise;
    }

    /** Tokens of no meaning. */
    private static final class RandomTokens implements TokenSequences {
        private final SplittableRandom random = new SplittableRandom(0);
        private final int vocabulary;
        private final int width;
        private long position;

        RandomTokens(int vocabulary, int width) {
            this.vocabulary = vocabulary;
            this.width = width;
        }

        @Override
        public int[] next(int batch) {
            position += batch;
            return random.ints((long) batch * width, 0, vocabulary).toArray();
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public void seek(long target) {
            position = target;
        }
    }
}
