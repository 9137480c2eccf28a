package kept;

import kept.distill.TrainingOptions;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import picocli.CommandLine.Option;

/** The options that shape a training run. */
final class OptimizerOptions {
    /** How the learning rate goes after its warm-up. */
    enum Schedule {
        COSINE,
        CONSTANT
    }

    @Option(names = "--sequence-length", paramLabel = "N", description = "Tokens of a sequence (default: 512, or the model's positions if fewer).",
            order = 20)
    private Integer sequenceLength;

    @Option(names = "--batch-size", paramLabel = "N", defaultValue = "8", order = 21,
            description = "Sequences in one forward and backward pass (default: ${DEFAULT-VALUE}).")
    private int batchSize;

    @Option(names = "--accumulation", paramLabel = "N", defaultValue = "1", order = 22,
            description = "Passes whose gradients make one step (default: ${DEFAULT-VALUE}).")
    private int accumulation;

    @Option(names = "--learning-rate", paramLabel = "X", order = 23, description = "Peak learning rate of AdamW (default: 3e-4).")
    private Double learningRate;

    @Option(names = "--schedule", paramLabel = "NAME", defaultValue = "cosine", order = 24,
            description = "Learning rate after the warm-up: cosine (to a tenth) or constant (default: ${DEFAULT-VALUE}).")
    private Schedule schedule;

    @Option(names = "--warm-up", paramLabel = "STEPS", order = 25,
            description = "Steps in which the learning rate rises (default: a twentieth of all).")
    private Long warmUp;

    @Option(names = "--weight-decay", paramLabel = "X", order = 26, description = "Decoupled decay of matrices, not of norms and biases.")
    private Double weightDecay;

    @Option(names = "--beta2", paramLabel = "X", defaultValue = "0.95", order = 27,
            description = "AdamW's decay of the second moment (default: ${DEFAULT-VALUE}).")
    private double beta2;

    @Option(names = "--max-gradient-norm", paramLabel = "X", defaultValue = "1", order = 28,
            description = "Gradients are scaled down to this global norm (default: ${DEFAULT-VALUE}).")
    private double maxGradientNorm;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", order = 29,
            description = "Of the order of the data and of random weights (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--save-every", paramLabel = "STEPS", defaultValue = "100", order = 30,
            description = "Steps between saved states; 0 saves only on Ctrl-C (default: ${DEFAULT-VALUE}).")
    private long saveEvery;

    /** What the options leave open. */
    record Defaults(int sequenceLength, double learningRate, double weightDecay) {}

    int sequenceLength(Defaults defaults, int positions) {
        return sequenceLength != null ? sequenceLength : Math.min(defaults.sequenceLength(), positions);
    }

    long seed() {
        return seed;
    }

    long saveEvery() {
        return saveEvery;
    }

    /**
     * The settings of a run.
     *
     * @param tokens how many to train on, at least; whole steps
     * @param positions the model's longest sequence
     */
    TrainingOptions training(long tokens, Defaults defaults, int positions) {
        int length = sequenceLength(defaults, positions);
        if (length > positions) {
            throw new ProgramException("[training] --sequence-length %d exceeds the model's %d positions".formatted(length, positions));
        }
        if (batchSize < 1 || accumulation < 1 || length < 1 || tokens < 1) {
            throw new ProgramException("[training] tokens, sequence length, batch size and accumulation must be at least 1");
        }
        long step = (long) length * batchSize * accumulation;
        long steps = (tokens + step - 1) / step;
        double peak = learningRate == null ? defaults.learningRate() : learningRate;
        long rise = Math.min(steps, warmUp == null ? Math.max(1, steps / 20) : warmUp);
        try {
            LearningRateSchedule rate = switch (schedule) {
                case COSINE -> new LearningRateSchedule.Cosine(peak, rise, steps, 0.1);
                case CONSTANT -> new LearningRateSchedule.Constant(peak, rise);
            };
            var adamW = new AdamW.Settings(0.9, beta2, 1e-8, weightDecay == null ? defaults.weightDecay() : weightDecay);
            return new TrainingOptions(steps, batchSize, accumulation, length, rate, adamW, maxGradientNorm);
        } catch (IllegalArgumentException e) {
            throw new ProgramException("[training] " + e.getMessage(), e);
        }
    }
}
