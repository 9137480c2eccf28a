package kept.calibration;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import kept.calibration.PhaseTimes.Phase;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.model.TensorName;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Measures the inputs of {@link CalibratedMapping}, norm by norm, each with a student in which everything before it is already mapped. Results are
 * saved, so a calibration can be resumed after it was killed. They are bit-identical for any number of threads.
 */
public final class Calibration {
    /** Candidates for the anchor. Smaller anchors would need larger weights to carry the same bias, with larger rounding errors. */
    private static final double[] ANCHORS = {0, 0.1, 0.15, 0.2, 0.3, 0.5};
    /** Default number of calibration tokens for models of small width. */
    private static final long DEFAULT_TOKENS = 65_536;
    /** Number of tokens used to evaluate an anchor, or more if the width requires it. */
    private static final long TRIAL_TOKENS = 16_384;
    /** An anchor is evaluated on the first norms, which it serves directly, and on some after the first renewing neurons. */
    private static final int TRIAL_NORMS = 7;
    private static final String RELATIVE = "anchor";
    private static final String RIDGE = "ridge";
    private static final String ERROR = "missed";

    private final Mapping mapping;
    private final Weights source;
    private final int[][] sequences;
    private final SharedText text;
    private final Communicator ranks;
    private final CalibrationOptions options;
    private final Device device;
    private final DecoderConfig config;
    private final List<TensorName> norms;

    /**
     * Prepares a calibration.
     *
     * @param mapping a {@link CalibratedMapping}
     * @param source the teacher's parameters, in any floating dtype
     * @param sequences the token ids {@code [sequences][length]}, in random order; the last sequences are held out
     * @param options the user's options
     * @param device where to compute
     * @throws CalibrationException if there are too few tokens for the width, or fewer than two sequences
     */
    public Calibration(Mapping mapping, Weights source, int[][] sequences, CalibrationOptions options, Device device) {
        this(mapping, source, sequences, options, device, Communicator.single());
    }

    /**
     * Prepares a calibration on several ranks, which divide tokens and equations. Each of them runs it with the same arguments; what is measured has
     * the same bits on any number of ranks.
     *
     * @param mapping a {@link CalibratedMapping}
     * @param source the teacher's parameters, in any floating dtype
     * @param sequences the token ids {@code [sequences][length]}, in random order; the last sequences are held out
     * @param options the user's options
     * @param device where to compute
     * @param ranks this rank and the others
     * @throws CalibrationException if there are too few tokens for the width, or fewer than two sequences
     */
    public Calibration(Mapping mapping, Weights source, int[][] sequences, CalibrationOptions options, Device device, Communicator ranks) {
        this.mapping = mapping;
        this.source = source;
        this.sequences = sequences.clone();
        this.options = options;
        this.device = device;
        config = mapping.source();
        norms = CalibratedMapping.norms(config);
        long tokens = sequences.length == 0 ? 0 : CalibrationText.tokens(sequences);
        requireTokens(config, tokens);
        if (sequences.length < 2) {
            throw new CalibrationException("[calibration] %,d tokens are one sequence, and at least two are needed: one to fit, one held out; "
                    .formatted(tokens) + "give more");
        }
        this.ranks = ranks;
        text = new SharedText(CalibrationText.of(sequences), ranks);
    }

    /**
     * Checks that there are enough tokens for a model.
     *
     * @param config the model
     * @param tokens the number of tokens
     * @throws CalibrationException if there are too few; the message says how many are needed
     */
    public static void requireTokens(DecoderConfig config, long tokens) {
        long needed = CalibrationText.tokensNeeded(config);
        if (tokens < needed) {
            throw new CalibrationException("[calibration] %,d tokens are too few for width %d, which needs at least %,d, better %,d; give more"
                    .formatted(tokens, config.hiddenSize(), needed, CalibrationText.tokensAdvised(config)));
        }
    }

    /**
     * The default number of calibration tokens: enough that more would improve little; grows with the width.
     *
     * @param config the model
     * @return tokens
     */
    public static long usualTokens(DecoderConfig config) {
        return Math.max(DEFAULT_TOKENS, CalibrationText.tokensAdvised(config));
    }

    /**
     * Advice for a calibration with few tokens.
     *
     * @param config the model
     * @param tokens the number of tokens
     * @return a line saying how many would be better, and why; empty if there are enough
     */
    public static Optional<String> advice(DecoderConfig config, long tokens) {
        long advised = CalibrationText.tokensAdvised(config);
        return tokens >= advised ? Optional.empty() : Optional.of(
                "%,d tokens are %.3g for each of the %,d unknowns of a correction's row; %,d or more would be better: few fit only their own text"
                        .formatted(tokens, (double) tokens / config.hiddenSize(), config.hiddenSize(), advised));
    }

    /**
     * The total amount of work of this rank.
     *
     * @return the sum of the progress values that {@link #run} reports
     */
    public long work() {
        return text.own().tokens() * passes(norms.size()) + (Double.isNaN(options.anchor()) ? trials() : 0);
    }

    /** The number of passes over the text: measuring each norm, advancing teacher and student past it, and renewing the anchor after odd norms. */
    private static long passes(int count) {
        return count + 2L * (count - 1) + (count - 1) / 2;
    }

    /** The number of anchors evaluated. */
    static int anchors() {
        return ANCHORS.length;
    }

    /** The number of norms used to evaluate them. */
    static int trialNorms(DecoderConfig config) {
        return Math.min(TRIAL_NORMS, CalibratedMapping.norms(config).size());
    }

    /** The number of tokens used to evaluate them, at most all. */
    static long trialTokens(DecoderConfig config) {
        return Math.max(TRIAL_TOKENS, CalibrationText.tokensNeeded(config));
    }

    private long trials() {
        int count = trialNorms(config);
        return anchorsOfRank().size() * CalibrationText.of(trialSequences()).tokens() * passes(count);
    }

    private SharedItems anchorsOfRank() {
        return SharedItems.of(ANCHORS.length, ranks);
    }

    /**
     * Measures everything that has not been measured yet. Of several ranks, rank 0 knows what has been, and sends it to the others.
     *
     * @param measured stores the results
     * @param progress receives the amount of work done, piece by piece; an exception it throws ends the calibration
     * @param notes receives the choices made
     * @param details receives the ridge and the error of each norm, and the neuron that renews the anchor in each MLP
     */
    public void run(MeasuredTensors measured, LongConsumer progress, Consumer<String> notes, Consumer<String> details) {
        int last = norms.size() - 1;
        int[] known = SharedItems.fromFirst(ranks, () -> IntStream.range(0, norms.size()).map(step -> isDone(measured, step) ? 1 : 0).toArray());
        while (last >= 0 && known[last] == 1) {
            last--;
        }
        if (last < 0) {
            return;
        }
        advice(config, text.whole().tokens()).ifPresent(notes);
        var times = new PhaseTimes();
        try (var regression = new NormRegression(config.hiddenSize(), device);
                var models = new PairedForward(mapping, source, measured, text, options, device, progress, times)) {
            models.embed();
            double size = models.embeddingSize();
            if (SharedItems.fromFirst(ranks, () -> new int[] {measured.contains(CalibratedMapping.ANCHOR) ? 1 : 0})[0] == 0) {
                double level = Double.isNaN(options.anchor())
                        ? times.of(Phase.TRIALS, () -> leastMissed(size, regression, progress)) : options.anchor();
                putAnchor(measured, level, size, notes);
            } else {
                shareAnchor(measured);
            }
            models.anchor(anchor(measured));
            for (int step = 0; step <= last; step++) {
                pass(step, last, known[step] == 1, measured, models, regression, progress, details);
            }
        }
        notes.accept("took: " + times.inWords());
    }

    /** Measures a norm, unless that is done, and moves past it. */
    private void pass(int step, int last, boolean done, MeasuredTensors measured, PairedForward models, NormRegression regression,
            LongConsumer progress, Consumer<String> details) {
        NormRegression.Solution solution = null;
        if (done) {
            shareDone(measured, step);
            progress.accept(text.own().tokens());
        } else {
            solution = models.measure(step, options.ridge(), regression);
            put(measured, norms.get(step), solution, details);
        }
        if (isBeforeMlp(step)) {
            models.moveTeacher(step);
            if (done) {
                progress.accept(text.own().tokens());
            } else {
                put(measured, step / 2, models.renewal(step, level(measured), solution.constant()), details);
            }
            models.moveStudent(step);
            measured.forget(CalibratedMapping.reader(step / 2));
            measured.forget(CalibratedMapping.neuron(step / 2));
        } else if (step < last) {
            models.moveTeacher(step);
            models.moveStudent(step);
        }
        measured.forget(CalibratedMapping.correction(norms.get(step)));
    }

    /** Sends the other ranks what has been measured for a norm. */
    private void shareDone(MeasuredTensors measured, int step) {
        share(measured, CalibratedMapping.correction(norms.get(step)), Shape.of(config.hiddenSize(), config.hiddenSize()), Map.of());
        if (isBeforeMlp(step)) {
            share(measured, CalibratedMapping.reader(step / 2), Shape.of(2, config.hiddenSize()), Map.of());
            share(measured, CalibratedMapping.neuron(step / 2), Shape.of(1), Map.of());
        }
    }

    private static double level(MeasuredTensors measured) {
        return Double.parseDouble(measured.metadata(CalibratedMapping.ANCHOR, RELATIVE).orElseThrow());
    }

    private void shareAnchor(MeasuredTensors measured) {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor level = Tensor.of(new double[] {ranks.rank() > 0 ? 0 : level(measured)}, 1);
            ranks.broadcast(level, 0);
            share(measured, CalibratedMapping.ANCHOR, Shape.of(1), Map.of(RELATIVE, Double.toString(level.toDoubleArray()[0])));
        }
    }

    private void share(MeasuredTensors measured, String name, Shape shape, Map<String, String> metadata) {
        if (ranks.size() > 1) {
            try (var _ = Scope.open(Device.cpu())) {
                Tensor tensor = ranks.rank() == 0 ? measured.get(name, shape) : Tensor.empty(DType.F32, shape);
                ranks.broadcast(tensor, 0);
                if (ranks.rank() > 0) {
                    measured.put(name, shape, tensor.toFloatArray(), metadata);
                }
            }
        }
    }

    private boolean isBeforeMlp(int step) {
        return step % 2 == 1;
    }

    private boolean isDone(MeasuredTensors measured, int step) {
        return measured.contains(CalibratedMapping.correction(norms.get(step)))
                && (!isBeforeMlp(step) || measured.contains(CalibratedMapping.neuron(step / 2)));
    }

    private double anchor(Weights measured) {
        try (var _ = Scope.open()) {
            return measured.get(CalibratedMapping.ANCHOR, Shape.of(1)).item();
        }
    }

    private void put(MeasuredTensors measured, TensorName norm, NormRegression.Solution solution, Consumer<String> details) {
        measured.put(CalibratedMapping.correction(norm), Shape.of(config.hiddenSize(), config.hiddenSize()), solution.correction(),
                Map.of(RIDGE, Double.toString(solution.ridge()), ERROR, Double.toString(solution.error())));
        details.accept("%s: ridge %.0e, relative error %.2e of the norm's output".formatted(
                norm.module(), solution.ridge(), solution.error()));
    }

    private void put(MeasuredTensors measured, int layer, PairedForward.Neuron neuron, Consumer<String> details) {
        measured.put(CalibratedMapping.reader(layer), Shape.of(2, config.hiddenSize()), neuron.rows(), Map.of());
        measured.put(CalibratedMapping.neuron(layer), Shape.of(1), new float[] {neuron.number()}, Map.of(ERROR, Double.toString(neuron.error())));
        if (neuron.number() >= 0) {
            details.accept("%s.mlp: neuron %,d renews the anchor with a relative error of %.2e".formatted(
                    TensorName.ofLayer(layer), neuron.number(), neuron.error()));
        }
    }

    /** Tries all anchors, each rank its own, and returns the one with the least error. */
    private double leastMissed(double size, NormRegression regression, LongConsumer progress) {
        SharedItems anchors = anchorsOfRank();
        var missed = new double[ANCHORS.length];
        for (int i = anchors.first(); i < anchors.end(); i++) {
            missed[i] = trial(ANCHORS[i], size, regression, progress);
        }
        anchors.gather(missed);
        double best = Double.NaN;
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < ANCHORS.length; i++) {
            if (missed[i] < least) {
                least = missed[i];
                best = ANCHORS[i];
            }
        }
        return best;
    }

    private static void putAnchor(MeasuredTensors measured, double level, double size, Consumer<String> notes) {
        measured.put(CalibratedMapping.ANCHOR, Shape.of(1), new float[] {(float) (level * size)}, Map.of(RELATIVE, Double.toString(level)));
        notes.accept("anchor: %s times the embeddings' root mean square, which is %.3g".formatted(level, size));
    }

    /** Returns the error at the first norms with an anchor; each rank tries its own anchors by itself. */
    private double trial(double level, double size, NormRegression regression, LongConsumer progress) {
        float anchor = (float) (level * size);
        Map<String, float[]> tensors = new HashMap<>(Map.of(CalibratedMapping.ANCHOR, new float[] {anchor}));
        Weights measured = (name, shape) -> Tensor.of(tensors.get(name), shape.toArray());
        double missed = 0;
        try (var models = new PairedForward(mapping, source, measured, new SharedText(CalibrationText.of(trialSequences()), Communicator.single()),
                options, device, progress, new PhaseTimes())) {
            models.embed();
            models.anchor(anchor);
            int count = trialNorms(config);
            for (int step = 0; step < count; step++) {
                NormRegression.Solution solution = models.measure(step, options.ridge(), regression);
                tensors.put(CalibratedMapping.correction(norms.get(step)), solution.correction());
                missed += solution.error();
                if (step + 1 < count) {
                    models.moveTeacher(step);
                    if (isBeforeMlp(step)) {
                        PairedForward.Neuron neuron = models.renewal(step, level, solution.constant());
                        tensors.put(CalibratedMapping.reader(step / 2), neuron.rows());
                        tensors.put(CalibratedMapping.neuron(step / 2), new float[] {neuron.number()});
                    }
                    models.moveStudent(step);
                }
            }
        }
        return missed;
    }

    private int[][] trialSequences() {
        return Arrays.copyOf(sequences, (int) Math.min(sequences.length, Math.ceilDiv(trialTokens(config), sequences[0].length)));
    }
}
