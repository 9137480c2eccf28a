package kept.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;
import kept.run.TrainingSettings;
import kept.tensor.DType;
import kept.training.GradientReduction;
import picocli.CommandLine.Option;

/** The options that shape a training run. */
public final class OptimizerOptions {
    /** The types of weights and moments in training. */
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
            description = "Tokens per sequence (default: 512, the demo's: 256, or the model's positions if fewer).",
            order = 20)
    private Integer sequenceLength;

    @Option(names = "--batch-size", paramLabel = "N", order = 21,
            description = "Sequences in one forward and backward pass (default: 8; the demo's: 2).")
    private Integer batchSize;

    @Option(names = "--accumulation", paramLabel = "N", order = 22,
            description = "Passes of a step, whose gradients are added and which several ranks share "
                    + "(default: 1; the demo's: 4; for several ranks so many that each has one, of 8 sequences in all if that suffices).")
    private Integer accumulation;

    @Option(names = "--reduction", paramLabel = "ORDER", defaultValue = "tree", order = 22,
            description = "Order in which the gradients of a step's passes are added: tree, which has the same bits on any number of ranks; "
                    + "engine, in which MPI or NCCL adds the sums of the ranks, so that bits depend on their number; "
                    + "or serial, one after another, which needs no memory for further gradients (default: ${DEFAULT-VALUE}).")
    private GradientReduction reduction;

    @Option(names = "--learning-rate", paramLabel = "X", order = 23,
            description = "Peak learning rate of AdamW (default: 3e-4 to distil from opm, 3e-5 from calibrated or --student, 1e-6 from exact; "
                    + "ten times that for norms or adapters alone, but 1e-3 for adapters from opm; 1e-3 to pretrain).")
    private Double learningRate;

    @Option(names = "--schedule", paramLabel = "NAME", defaultValue = "cosine", order = 24,
            description = "Learning rate schedule after the warm-up: cosine (to a tenth) or constant (default: ${DEFAULT-VALUE}).")
    private TrainingSettings.Schedule schedule;

    @Option(names = "--warm-up", paramLabel = "STEPS", order = 25,
            description = "Steps of linear warm-up (default: a twentieth of all).")
    private Long warmUp;

    @Option(names = "--weight-decay", paramLabel = "X", order = 26,
            description = "Decoupled weight decay of matrices; norms and biases have none (default: 0 to distil, 0.1 to pretrain).")
    private Double weightDecay;

    @Option(names = "--beta2", paramLabel = "X", defaultValue = "0.95", order = 27,
            description = "AdamW's decay of the second moment (default: ${DEFAULT-VALUE}).")
    private double beta2;

    @Option(names = "--max-gradient-norm", paramLabel = "X", defaultValue = "1", order = 28,
            description = "Gradients are scaled down to this global norm (default: ${DEFAULT-VALUE}).")
    private double maxGradientNorm;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", order = 29,
            description = "Seed of the data order, of random weights and of stochastic rounding (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--save-every", paramLabel = "STEPS", defaultValue = "100", order = 30,
            description = "Steps between saved states; 0 saves only on Ctrl-C (default: ${DEFAULT-VALUE}).")
    private long saveEvery;

    @Writes(Writes.Kind.ADDED_FILES)
    @Option(names = "--tensorboard", paramLabel = "DIR", order = 30,
            description = "Write TensorBoard event files too, in a folder of DIR with the name of the output; tensorboard --logdir DIR shows them.")
    private Path tensorboard;

    @Option(names = "--stop-after", paramLabel = "STEPS", order = 31,
            description = "Stop after so many steps, as Ctrl-C does; --resume continues.")
    private Long stopAfter;

    @Option(names = "--checkpoint-activations", order = 32,
            description = "Keep only each layer's input and recompute the layer in the backward pass: less memory, more time, the same bits.")
    private boolean checkpointActivations;

    @Option(names = "--train-dtype", paramLabel = "TYPE", defaultValue = "f32", order = 33,
            description = "Type of weights and gradients during training: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). "
                    + "bf16 takes half the memory; updates are rounded stochastically, so that small ones count on average.")
    private TrainingType trainingType = TrainingType.F32;

    @Option(names = "--optimizer", paramLabel = "NAME", defaultValue = "adamw", order = 34,
            description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}): adamw-8bit stores the moments in 8 bits, a quarter of the memory.")
    private Optimizer kind = Optimizer.ADAMW;

    /**
     * The passes of a step.
     *
     * @param batchSize sequences of a pass
     * @param accumulation their number
     */
    public record Passes(int batchSize, int accumulation) {
        private static final int SEQUENCES = 8;

        /** One pass of 8 sequences; for several ranks, the fewest smaller ones, a power of two up to 8, of which each rank has one. */
        public static Passes of(int ranks) {
            int passes = 1;
            while (passes < ranks && passes < SEQUENCES) {
                passes *= 2;
            }
            return new Passes(SEQUENCES / passes, Math.max(passes, ranks));
        }

        /** As the options of the command line say them. */
        @Override
        public String toString() {
            return "--batch-size %d --accumulation %d".formatted(batchSize, accumulation);
        }
    }

    /** Whether the user has left the passes of a step open. */
    public boolean leavesPassesOpen() {
        return batchSize == null && accumulation == null;
    }

    /**
     * The settings that the options describe.
     *
     * @param usualLength tokens of a sequence where the user leaves that open; null for as many as suit the model
     * @param usual the passes of a step where the user leaves both their size and their number open
     */
    public TrainingSettings settings(Integer usualLength, Passes usual) {
        Passes passes = leavesPassesOpen() ? usual
                : new Passes(batchSize == null ? Passes.SEQUENCES : batchSize, accumulation == null ? 1 : accumulation);
        var settings = new TrainingSettings().batchSize(passes.batchSize).accumulation(passes.accumulation).reduction(reduction)
                .schedule(schedule).beta2(beta2).maxGradientNorm(maxGradientNorm).seed(seed).saveEvery(saveEvery)
                .checkpointActivations(checkpointActivations).trainDtype(trainingType.dtype()).moments8Bit(kind == Optimizer.ADAMW_8BIT);
        set(sequenceLength == null ? usualLength : sequenceLength, settings::sequenceLength);
        set(learningRate, settings::learningRate);
        set(warmUp, settings::warmUp);
        set(weightDecay, settings::weightDecay);
        set(stopAfter, settings::stopAfter);
        set(tensorboard, settings::tensorboard);
        return settings;
    }

    private static <T> void set(T value, Consumer<T> setter) {
        if (value != null) {
            setter.accept(value);
        }
    }

    /** The seed of all that is random. */
    public long seed() {
        return seed;
    }
}
