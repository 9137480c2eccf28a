package kept.calibration;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import kept.calibration.PhaseTimes.Phase;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.model.TensorName;
import kept.model.Weights;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Measures what {@link CalibratedMapping} needs: norm by norm, each on a student in which everything before it is already mapped. What has been
 * measured is on disk, so that a calibration goes on after it was killed; the result has the same bits, for any number of threads.
 */
public final class Calibration {
    /** Among these an anchor is chosen. Smaller ones would take larger weights to carry the same bias, whose rounding is larger. */
    private static final double[] ANCHORS = {0, 0.1, 0.15, 0.2, 0.3, 0.5};
    /** Tokens to measure on for models that are not wide. */
    private static final long USUAL_TOKENS = 65_536;
    /** An anchor is tried on so many tokens, or as many as the width takes. */
    private static final long TRIAL_TOKENS = 16_384;
    /** An anchor is judged by the first norms, which it is for, and some behind the first neurons that renew it. */
    private static final int TRIAL_NORMS = 7;
    private static final String RELATIVE = "anchor";
    private static final String RIDGE = "ridge";
    private static final String ERROR = "missed";

    private final Mapping mapping;
    private final Weights source;
    private final int[][] sequences;
    private final CalibrationText text;
    private final CalibrationOptions options;
    private final Device device;
    private final DecoderConfig config;
    private final List<TensorName> norms;

    /**
     * Prepares a calibration.
     *
     * @param mapping a {@link CalibratedMapping}
     * @param source the teacher's parameters, in any floating dtype
     * @param sequences the ids of the text, {@code [sequences][length]}, in an order of chance: the last are held out
     * @param options what the user decides
     * @param device where to compute
     * @throws CalibrationException if there are too few tokens for the width
     */
    public Calibration(Mapping mapping, Weights source, int[][] sequences, CalibrationOptions options, Device device) {
        this.mapping = mapping;
        this.source = source;
        this.sequences = sequences.clone();
        this.options = options;
        this.device = device;
        config = mapping.source();
        norms = CalibratedMapping.norms(config);
        long tokens = sequences.length == 0 ? 0 : CalibrationText.tokens(sequences);
        requireTokens(config, tokens);
        text = CalibrationText.of(sequences);
    }

    /**
     * Checks that there are enough tokens for a model.
     *
     * @param config the model
     * @param tokens how many there are
     * @throws CalibrationException if there are not, saying how many are needed
     */
    public static void requireTokens(DecoderConfig config, long tokens) {
        long needed = CalibrationText.tokensNeeded(config);
        if (tokens < needed) {
            throw new CalibrationException("[calibration] %,d tokens are too few for width %d, which needs at least %,d, better %,d; give more"
                    .formatted(tokens, config.hiddenSize(), needed, CalibrationText.tokensAdvised(config)));
        }
    }

    /**
     * How many tokens to measure on where the user leaves it open: at least so many that more would bring little, which grows with the width.
     *
     * @param config the model
     * @return tokens
     */
    public static long usualTokens(DecoderConfig config) {
        return Math.max(USUAL_TOKENS, CalibrationText.tokensAdvised(config));
    }

    /**
     * What to tell a user who measures on few tokens.
     *
     * @param config the model
     * @param tokens how many there are
     * @return a line that says how many would be better, and why; nothing if there are enough
     */
    public static Optional<String> advice(DecoderConfig config, long tokens) {
        long advised = CalibrationText.tokensAdvised(config);
        return tokens >= advised ? Optional.empty() : Optional.of(
                "%,d tokens are %.3g for each of the %,d unknowns of a correction's row; %,d or more would be better: few fit only their own text"
                        .formatted(tokens, (double) tokens / config.hiddenSize(), config.hiddenSize(), advised));
    }

    /**
     * How much there is to do.
     *
     * @return what the numbers that {@link #run} tells of its progress add up to
     */
    public long work() {
        return text.tokens() * passes(norms.size()) + (Double.isNaN(options.anchor()) ? trials() : 0);
    }

    /** How often the text passes: a norm is measured, teacher and student pass what lies behind it, and behind an odd one the anchor is renewed. */
    private static long passes(int count) {
        return count + 2L * (count - 1) + (count - 1) / 2;
    }

    /** How many anchors are tried. */
    static int anchors() {
        return ANCHORS.length;
    }

    /** On how many norms. */
    static int trialNorms(DecoderConfig config) {
        return Math.min(TRIAL_NORMS, CalibratedMapping.norms(config).size());
    }

    /** On how many tokens, or as many as there are. */
    static long trialTokens(DecoderConfig config) {
        return Math.max(TRIAL_TOKENS, CalibrationText.tokensNeeded(config));
    }

    private long trials() {
        int count = trialNorms(config);
        return ANCHORS.length * CalibrationText.of(trialSequences()).tokens() * passes(count);
    }

    /**
     * Measures what has not been measured.
     *
     * @param measured the place of the results
     * @param progress is told, piece by piece, how much has been done; what it throws ends the calibration
     * @param remarks is told what was chosen
     */
    public void run(MeasuredTensors measured, LongConsumer progress, Consumer<String> remarks) {
        int last = norms.size() - 1;
        while (last >= 0 && isDone(measured, last)) {
            last--;
        }
        if (last < 0) {
            return;
        }
        advice(config, text.tokens()).ifPresent(remarks);
        var regression = new NormRegression(config.hiddenSize());
        var times = new PhaseTimes();
        try (var walk = new LayerWalk(mapping, source, measured, text, options, device, progress, times)) {
            walk.embed();
            if (!measured.contains(CalibratedMapping.ANCHOR)) {
                times.of(Phase.TRIALS, () -> chooseAnchor(measured, walk.embeddingSize(), regression, progress, remarks));
            }
            walk.anchor(anchor(measured));
            double level = Double.parseDouble(measured.remark(CalibratedMapping.ANCHOR, RELATIVE).orElseThrow());
            for (int step = 0; step <= last; step++) {
                boolean done = isDone(measured, step);
                NormRegression.Solution solution = null;
                if (done) {
                    progress.accept(text.tokens());
                } else {
                    solution = walk.measure(step, options.ridge(), regression);
                    put(measured, norms.get(step), solution, remarks);
                }
                if (isBeforeMlp(step)) {
                    walk.moveTeacher(step);
                    if (done) {
                        progress.accept(text.tokens());
                    } else {
                        put(measured, step / 2, walk.renewal(step, level, solution.constant()), remarks);
                    }
                    walk.moveStudent(step);
                } else if (step < last) {
                    walk.moveTeacher(step);
                    walk.moveStudent(step);
                }
            }
        }
        remarks.accept("took: " + times.inWords());
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

    private void put(MeasuredTensors measured, TensorName norm, NormRegression.Solution solution, Consumer<String> remarks) {
        measured.put(CalibratedMapping.correction(norm), Shape.of(config.hiddenSize(), config.hiddenSize()), solution.correction(),
                Map.of(RIDGE, Double.toString(solution.ridge()), ERROR, Double.toString(solution.error())));
        remarks.accept("%s: ridge %.0e, missed %.2e of the norm's output".formatted(
                norm.module(), solution.ridge(), solution.error()));
    }

    private void put(MeasuredTensors measured, int layer, LayerWalk.Neuron neuron, Consumer<String> remarks) {
        measured.put(CalibratedMapping.reader(layer), Shape.of(2, config.hiddenSize()), neuron.rows(), Map.of());
        measured.put(CalibratedMapping.neuron(layer), Shape.of(1), new float[] {neuron.number()}, Map.of(ERROR, Double.toString(neuron.error())));
        if (neuron.number() >= 0) {
            remarks.accept("%s.mlp: neuron %,d renews the anchor, missed %.2e of it".formatted(
                    TensorName.ofLayer(layer), neuron.number(), neuron.error()));
        }
    }

    private void chooseAnchor(MeasuredTensors measured, double size, NormRegression regression, LongConsumer progress,
            Consumer<String> remarks) {
        double best = options.anchor();
        if (Double.isNaN(best)) {
            double least = Double.POSITIVE_INFINITY;
            for (double candidate : ANCHORS) {
                double missed = trial(candidate, size, regression, progress);
                if (missed < least) {
                    least = missed;
                    best = candidate;
                }
            }
        }
        measured.put(CalibratedMapping.ANCHOR, Shape.of(1), new float[] {(float) (best * size)}, Map.of(RELATIVE, Double.toString(best)));
        remarks.accept("anchor: %s times the embeddings' root mean square, which is %.3g".formatted(best, size));
    }

    /** What is missed at the first norms with some anchor. */
    private double trial(double level, double size, NormRegression regression, LongConsumer progress) {
        float anchor = (float) (level * size);
        Map<String, float[]> tensors = new HashMap<>(Map.of(CalibratedMapping.ANCHOR, new float[] {anchor}));
        Weights measured = (name, shape) -> Tensor.of(tensors.get(name), shape.toArray());
        double missed = 0;
        try (var walk = new LayerWalk(mapping, source, measured, CalibrationText.of(trialSequences()), options, device, progress,
                new PhaseTimes())) {
            walk.embed();
            walk.anchor(anchor);
            int count = trialNorms(config);
            for (int step = 0; step < count; step++) {
                NormRegression.Solution solution = walk.measure(step, options.ridge(), regression);
                tensors.put(CalibratedMapping.correction(norms.get(step)), solution.correction());
                missed += solution.error();
                if (step + 1 < count) {
                    walk.moveTeacher(step);
                    if (isBeforeMlp(step)) {
                        LayerWalk.Neuron neuron = walk.renewal(step, level, solution.constant());
                        tensors.put(CalibratedMapping.reader(step / 2), neuron.rows());
                        tensors.put(CalibratedMapping.neuron(step / 2), new float[] {neuron.number()});
                    }
                    walk.moveStudent(step);
                }
            }
        }
        return missed;
    }

    private int[][] trialSequences() {
        return Arrays.copyOf(sequences, (int) Math.min(sequences.length, Math.ceilDiv(trialTokens(config), sequences[0].length)));
    }
}
