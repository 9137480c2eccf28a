package kept.run;

import java.nio.file.Path;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.training.GradientReduction;
import kept.training.HeldOutCurve;
import kept.training.StepMetrics;
import kept.training.TensorBoardLog;
import kept.training.TrainingOptions;
import kept.training.TrainingState;

/**
 * The settings of training, by the names and with the defaults of the programs' options; each setter changes this object and returns it:
 *
 * <pre>{@code
 * new TrainingSettings().sequenceLength(256).batchSize(4).learningRate(1e-4)
 * }</pre>
 */
public final class TrainingSettings {
    private static final int DEFAULT_LENGTH = 512;
    private static final String SCHEDULE = "learning rate";

    /** The schedule of the learning rate after the warm-up. */
    public enum Schedule {
        /** Along a half cosine to a tenth of its peak. */
        COSINE,
        /** At its peak. */
        CONSTANT
    }

    /** Null for the default length, or the model's positions if fewer. */
    private Integer sequenceLength;
    private int batchSize = 8;
    private int accumulation = 1;
    private GradientReduction reduction = GradientReduction.TREE;
    /** Null for a default that depends on the run. */
    private Double learningRate;
    private Schedule schedule = Schedule.COSINE;
    /** Null for a twentieth of all steps. */
    private Long warmUp;
    /** Null for a default that depends on the run. */
    private Double weightDecay;
    private double beta2 = 0.95;
    private double maxGradientNorm = 1;
    private long seed;
    private long saveEvery = 100;
    private long stopAfter = Long.MAX_VALUE;
    private boolean checkpointActivations;
    private DType weightType = DType.F32;
    private boolean codedMoments;
    /** Null for no event files. */
    private Path tensorboard;

    /** Creates the default settings. */
    public TrainingSettings() {}

    /**
     * Sets the tokens of a sequence; by default 512, or the model's positions if fewer.
     *
     * @param tokens the number
     * @return this
     */
    public TrainingSettings sequenceLength(int tokens) {
        sequenceLength = tokens;
        return this;
    }

    /**
     * Sets the sequences of one forward and backward pass; 8 by default.
     *
     * @param sequences the number
     * @return this
     */
    public TrainingSettings batchSize(int sequences) {
        batchSize = sequences;
        return this;
    }

    /**
     * Sets the passes whose gradients are averaged in one step; 1 by default.
     *
     * @param passes the number
     * @return this
     */
    public TrainingSettings accumulation(int passes) {
        accumulation = passes;
        return this;
    }

    /**
     * Sets the order in which the gradients of a step's passes are added; a tree by default.
     *
     * @param order the order
     * @return this
     */
    public TrainingSettings reduction(GradientReduction order) {
        reduction = order;
        return this;
    }

    /**
     * Sets the peak learning rate of AdamW; by default 3e-4 to distil from {@code opm}, 3e-5 from {@code calibrated} or a given student,
     * 1e-6 from {@code exact}, ten times that for norms or adapters alone, but 1e-3 for adapters from {@code opm}; and 1e-3 to pretrain.
     *
     * @param peak the rate
     * @return this
     */
    public TrainingSettings learningRate(double peak) {
        learningRate = peak;
        return this;
    }

    /**
     * Sets the schedule of the learning rate after the warm-up; a cosine by default.
     *
     * @param course the schedule
     * @return this
     */
    public TrainingSettings schedule(Schedule course) {
        schedule = course;
        return this;
    }

    /**
     * Sets the steps of the warm-up; a twentieth of all by default.
     *
     * @param steps the number
     * @return this
     */
    public TrainingSettings warmUp(long steps) {
        warmUp = steps;
        return this;
    }

    /**
     * Sets the decoupled weight decay of matrices; norms and biases have none. By default 0 to distil and 0.1 to pretrain.
     *
     * @param decay for a learning rate of 1
     * @return this
     */
    public TrainingSettings weightDecay(double decay) {
        weightDecay = decay;
        return this;
    }

    /**
     * Sets AdamW's decay of the second moment; 0.95 by default.
     *
     * @param decay from 0 to below 1
     * @return this
     */
    public TrainingSettings beta2(double decay) {
        beta2 = decay;
        return this;
    }

    /**
     * Sets the global norm to which gradients are clipped; 1 by default.
     *
     * @param norm above 0
     * @return this
     */
    public TrainingSettings maxGradientNorm(double norm) {
        maxGradientNorm = norm;
        return this;
    }

    /**
     * Sets the seed of the order of the data, of random weights and of stochastic rounding; 0 by default.
     *
     * @param number any
     * @return this
     */
    public TrainingSettings seed(long number) {
        seed = number;
        return this;
    }

    /**
     * Sets the steps between saved states; 100 by default.
     *
     * @param steps how many; 0 saves only when the run is stopped and at its end
     * @return this
     */
    public TrainingSettings saveEvery(long steps) {
        saveEvery = steps;
        return this;
    }

    /**
     * Sets the step after which the run stops, to be resumed later; by default it does not stop.
     *
     * @param steps the number
     * @return this
     */
    public TrainingSettings stopAfter(long steps) {
        stopAfter = steps;
        return this;
    }

    /**
     * Sets whether only the input of each layer is kept and the layer recomputed for its gradients: less memory, more time, the same bits; false by
     * default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public TrainingSettings checkpointActivations(boolean wanted) {
        checkpointActivations = wanted;
        return this;
    }

    /**
     * Sets the type of weights and gradients during training; F32 by default.
     *
     * @param type F32, or BF16 with stochastic rounding
     * @return this
     */
    public TrainingSettings trainDtype(DType type) {
        weightType = type;
        return this;
    }

    /**
     * Sets whether AdamW stores its moments in 8 bits; false by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public TrainingSettings moments8Bit(boolean wanted) {
        codedMoments = wanted;
        return this;
    }

    /**
     * Sets where TensorBoard's event files are written; nowhere by default.
     *
     * @param directory in which each run has a folder, named like its output
     * @return this
     */
    public TrainingSettings tensorboard(Path directory) {
        tensorboard = directory;
        return this;
    }

    /** The folder of the event files of a run for an output; null if none are wanted. */
    Path eventFolder(Path output) {
        return tensorboard == null ? null : tensorboard.resolve(output.getFileName());
    }

    /** Begins an event file of a run for an output, whose steps so far are known; null if none is wanted. */
    TensorBoardLog events(Path output, List<StepMetrics> before, HeldOutCurve heldOut) {
        return tensorboard == null ? null
                : TensorBoardLog.open(eventFolder(output), before, heldOut, InstantSource.system());
    }

    long seed() {
        return seed;
    }

    /** Whether the state is written after a step. */
    boolean isSavedAfter(long step) {
        return saveEvery > 0 && step % saveEvery == 0;
    }

    /** Whether a run of so many steps writes its state more than once. */
    boolean isSavedAgain(long steps) {
        return saveEvery > 0 && saveEvery < steps;
    }

    /** Whether the run stops after a step, at the user's request. */
    boolean isStopAfter(long step) {
        return step >= stopAfter;
    }

    /** The type of weights in training. */
    DType weightType() {
        return weightType;
    }

    /** Whether moments take 8 bits. */
    boolean codedMoments() {
        return codedMoments;
    }

    /** Whether activations are recomputed in the backward pass instead of kept. */
    boolean checkpointActivations() {
        return checkpointActivations;
    }

    /** Reports if the stored type has more digits than the weights in training, also for frozen weights and for an untrained result. */
    void noteDigits(DType stored, Progress progress) {
        if (weightType == DType.BF16 && stored != DType.BF16) {
            progress.note("the result has the precision of bf16, for --train-dtype bf16, though it is stored as " + stored.label());
        }
    }

    /**
     * The settings of a run.
     *
     * @param tokens the minimum number of tokens to train on, which is rounded up to whole steps
     * @param positions the model's longest sequence
     * @param usualRate the default peak learning rate
     * @param usualDecay the default weight decay
     */
    TrainingOptions options(long tokens, int positions, double usualRate, double usualDecay) {
        int length = sequenceLength != null ? sequenceLength : Math.min(DEFAULT_LENGTH, positions);
        if (length > positions) {
            throw new RunException("[training] --sequence-length %d exceeds the model's %d positions".formatted(length, positions));
        }
        if ((long) batchSize * accumulation > Integer.MAX_VALUE) {
            throw new RunException("[training] %,d sequences a pass and %,d passes a step are too many; lower --batch-size or --accumulation"
                    .formatted(batchSize, accumulation));
        }
        long step = (long) length * batchSize * accumulation;
        long steps = (tokens + step - 1) / step;
        double peak = learningRate == null ? usualRate : learningRate;
        long rise = Math.min(steps, warmUp == null ? Math.max(1, steps / 20) : warmUp);
        try {
            LearningRateSchedule rate = switch (schedule) {
                case COSINE -> new LearningRateSchedule.Cosine(peak, rise, steps, 0.1);
                case CONSTANT -> new LearningRateSchedule.Constant(peak, rise);
            };
            var adamW = new AdamW.Settings(0.9, beta2, 1e-8, weightDecay == null ? usualDecay : weightDecay);
            var storage = new AdamW.Storage(codedMoments, weightType == DType.BF16, seed);
            return new TrainingOptions(steps, batchSize, accumulation, length, rate, adamW, maxGradientNorm, storage, reduction);
        } catch (IllegalArgumentException e) {
            throw new RunException("[training] " + e.getMessage(), e);
        }
    }

    /**
     * The settings of a run that goes on. Where the user leaves the warm-up open, it stays that of the run's start, though the total may be another.
     *
     * @param now the settings of this command line
     * @param before those of the run's state, by name
     */
    TrainingOptions resumed(TrainingOptions now, Map<String, String> before) {
        String recorded = before.getOrDefault(SCHEDULE + ", warmUpSteps", "");
        if (warmUp != null || !recorded.matches("\\d{1,18}")) {
            return now;
        }
        long rise = Math.min(now.steps(), Long.parseLong(recorded));
        return now.withSchedule(switch (now.schedule()) {
            case LearningRateSchedule.Constant constant -> new LearningRateSchedule.Constant(constant.peak(), rise);
            case LearningRateSchedule.Cosine cosine ->
                    new LearningRateSchedule.Cosine(cosine.peak(), rise, cosine.totalSteps(), cosine.floorRatio());
        });
    }

    /** The settings that affect a run's result, by name: for the record, and to show how a resumed run differs. */
    static SequencedMap<String, String> inWords(TrainingOptions options) {
        var words = new LinkedHashMap<String, String>();
        words.put(TrainingState.STEPS, Long.toString(options.steps()));
        words.put("sequence length", Integer.toString(options.sequenceLength()));
        words.put("batch size", Integer.toString(options.batchSize()));
        words.put("accumulation", Integer.toString(options.accumulation()));
        if (options.accumulation() > 1) {
            words.put(GradientReduction.SETTING, options.reduction().toString());
        }
        SavedSettings.put(words, SCHEDULE, options.schedule());
        SavedSettings.put(words, "optimizer", options.adamW());
        words.put("largest gradient norm", Double.toString(options.maxGradientNorm()));
        words.put("weights while training", options.storage().stochasticRounding() ? "bf16 with stochastic rounding" : "f32");
        words.put("moments", options.storage().codedMoments() ? "8 bits" : "f32");
        return words;
    }
}
