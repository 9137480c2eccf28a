package kept;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.SequencedMap;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.training.TrainingOptions;
import picocli.CommandLine.Option;

/** The options that shape a training run. */
final class OptimizerOptions {
    /** How the learning rate goes after its warm-up. */
    enum Schedule {
        COSINE,
        CONSTANT
    }

    /** What the student's numbers are kept in while it learns. */
    enum TrainingType {
        F32,
        BF16;

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        DType dtype() {
            return DType.valueOf(name());
        }
    }

    /** AdamW with moments of 32 or 8 bits. */
    enum Optimizer {
        ADAMW,
        ADAMW_8BIT;

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Option(names = "--sequence-length", paramLabel = "N",
            description = "Tokens of a sequence (default: 512, the demo's: 256, or the model's positions if fewer).",
            order = 20)
    private Integer sequenceLength;

    @Option(names = "--batch-size", paramLabel = "N", defaultValue = "8", order = 21,
            description = "Sequences in one forward and backward pass (default: ${DEFAULT-VALUE}).")
    private int batchSize;

    @Option(names = "--accumulation", paramLabel = "N", defaultValue = "1", order = 22,
            description = "Passes whose gradients make one step (default: ${DEFAULT-VALUE}).")
    private int accumulation;

    @Option(names = "--learning-rate", paramLabel = "X", order = 23,
            description = "Peak learning rate of AdamW (default: 3e-4 to distil from opm, 3e-5 from calibrated, 1e-6 from exact; 1e-3 to pretrain).")
    private Double learningRate;

    @Option(names = "--schedule", paramLabel = "NAME", defaultValue = "cosine", order = 24,
            description = "Learning rate after the warm-up: cosine (to a tenth) or constant (default: ${DEFAULT-VALUE}).")
    private Schedule schedule;

    @Option(names = "--warm-up", paramLabel = "STEPS", order = 25,
            description = "Steps in which the learning rate rises (default: a twentieth of all).")
    private Long warmUp;

    @Option(names = "--weight-decay", paramLabel = "X", order = 26,
            description = "Decoupled decay of matrices, not of norms and biases (default: 0 to distil, 0.1 to pretrain).")
    private Double weightDecay;

    @Option(names = "--beta2", paramLabel = "X", defaultValue = "0.95", order = 27,
            description = "AdamW's decay of the second moment (default: ${DEFAULT-VALUE}).")
    private double beta2;

    @Option(names = "--max-gradient-norm", paramLabel = "X", defaultValue = "1", order = 28,
            description = "Gradients are scaled down to this global norm (default: ${DEFAULT-VALUE}).")
    private double maxGradientNorm;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", order = 29,
            description = "Of the order of the data, of random weights and of stochastic rounding (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--save-every", paramLabel = "STEPS", defaultValue = "100", order = 30,
            description = "Steps between saved states; 0 saves only on Ctrl-C (default: ${DEFAULT-VALUE}).")
    private long saveEvery;

    @Option(names = "--stop-after", paramLabel = "STEPS", order = 31,
            description = "Stop after so many steps as Ctrl-C would, to go on another time with --resume.")
    private Long stopAfter;

    @Option(names = "--checkpoint-activations", order = 32,
            description = "Keep only each layer's input and compute the layer once more for its gradients: less memory, more time, the same bits.")
    private boolean checkpointActivations;

    @Option(names = "--train-dtype", paramLabel = "TYPE", defaultValue = "f32", order = 33,
            description = "What weights and gradients are kept in while they are trained: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). "
                    + "bf16 takes half; weights are rounded stochastically then, so that small updates count on average.")
    private TrainingType trainingType = TrainingType.F32;

    @Option(names = "--optimizer", paramLabel = "NAME", defaultValue = "adamw", order = 34,
            description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}): adamw-8bit keeps its moments in 8 bits, a quarter of the memory.")
    private Optimizer kind = Optimizer.ADAMW;

    /** What the options leave open. */
    record Defaults(int sequenceLength, double learningRate, double weightDecay) {
        /** The same with another peak learning rate. */
        Defaults withLearningRate(double rate) {
            return new Defaults(sequenceLength, rate, weightDecay);
        }
    }

    int sequenceLength(Defaults defaults, int positions) {
        return sequenceLength != null ? sequenceLength : Math.min(defaults.sequenceLength(), positions);
    }

    long seed() {
        return seed;
    }

    /** Whether the state is to be written after a step. */
    boolean isSavedAfter(long step) {
        return saveEvery > 0 && step % saveEvery == 0;
    }

    /** Whether a run of so many steps writes its state more than once. */
    boolean isSavedAgain(long steps) {
        return saveEvery > 0 && saveEvery < steps;
    }

    /** Whether the user wants no further step now. */
    boolean isStopAfter(long step) {
        return stopAfter != null && step >= stopAfter;
    }

    /** What weights are kept in while they are trained. */
    DType trainingType() {
        return trainingType.dtype();
    }

    /** Tells where the stored type could hold more digits than training keeps: of frozen weights and of an untrained result, too. */
    void remarkDigits(DType stored, PrintWriter remarks) {
        if (trainingType == TrainingType.BF16 && stored != DType.BF16) {
            remarks.println("the result has the digits of bf16, for --train-dtype bf16, though it is stored as " + stored.label());
        }
    }

    /** Whether moments take 8 bits. */
    boolean codedMoments() {
        return kind == Optimizer.ADAMW_8BIT;
    }

    /** Whether activations are computed once more in the backward pass instead of kept. */
    boolean checkpointActivations() {
        return checkpointActivations;
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
            var storage = new AdamW.Storage(codedMoments(), trainingType == TrainingType.BF16, seed);
            return new TrainingOptions(steps, batchSize, accumulation, length, rate, adamW, maxGradientNorm, storage);
        } catch (IllegalArgumentException e) {
            throw new ProgramException("[training] " + e.getMessage(), e);
        }
    }

    /** What shapes a run's result, each by its name: for the record, and to tell in what a resumed run differs. */
    static SequencedMap<String, String> inWords(TrainingOptions options) {
        var words = new LinkedHashMap<String, String>();
        words.put("steps", Long.toString(options.steps()));
        words.put("sequence length", Integer.toString(options.sequenceLength()));
        words.put("batch size", Integer.toString(options.batchSize()));
        words.put("accumulation", Integer.toString(options.accumulation()));
        words.put("learning rate", options.schedule().toString());
        words.put("optimizer", options.adamW().toString());
        words.put("largest gradient norm", Double.toString(options.maxGradientNorm()));
        words.put("weights while training", options.storage().stochasticRounding() ? "bf16 with stochastic rounding" : "f32");
        words.put("moments", options.storage().codedMoments() ? "8 bits" : "f32");
        return words;
    }
}
