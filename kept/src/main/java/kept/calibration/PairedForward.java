package kept.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.calibration.PhaseTimes.Phase;
import kept.mapping.CalibratedMapping;
import kept.mapping.CentredOutputs;
import kept.mapping.CentredRows;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.model.DecoderParts;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.nn.Attention;
import kept.nn.FeedForward;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.RotaryEmbedding;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Runs teacher and student side by side from norm to norm, with the residual streams of all tokens and only the weights between two norms in memory.
 * Norms are numbered in the order of the forward pass: an even norm is followed by a layer's attention, an odd one by its MLP.
 */
final class PairedForward implements AutoCloseable {
    /** Norm weights below this fraction of their RMS are not divided by. */
    private static final double MIN_WEIGHT = 1e-3;

    private final Mapping mapping;
    private final Weights source;
    private final Weights mapped;
    private final SharedText shared;
    /** The tokens of this rank. */
    private final CalibrationText text;
    private final Device device;
    private final Streams teacher;
    private final Streams student;
    private final RotaryEmbedding teacherRotary;
    private final RotaryEmbedding studentRotary;
    private final LongConsumer progress;
    private final PhaseTimes times;
    /**
     * For each neuron of the MLP that the teacher passed last: the sum over tokens of its squared contribution to the residual stream, times its
     * possible contribution according to its weights. A neuron that is inactive in this text may be needed for other texts; one with small weights
     * is not.
     */
    private double[] activity;

    /**
     * Creates the initial state.
     *
     * @param mapping the table
     * @param source the teacher's parameters
     * @param measured the measurements of the student so far
     * @param shared the tokens, of which this rank has its own
     * @param options the location of the streams
     * @param device where to compute
     * @param progress receives the number of tokens of each part measured or advanced
     * @param times records the time of each phase
     */
    PairedForward(Mapping mapping, Weights source, Weights measured, SharedText shared, CalibrationOptions options, Device device,
            LongConsumer progress, PhaseTimes times) {
        this.mapping = mapping;
        this.source = source;
        this.mapped = new MappedWeights(mapping, mapping.sources(source, measured), DType.F32);
        this.shared = shared;
        this.text = shared.own();
        this.device = device;
        this.progress = progress;
        this.times = times;
        teacher = options.spill() == null ? Streams.inMemory(device) : Streams.spilled(options.spill());
        student = options.spill() == null ? Streams.inMemory(device) : Streams.spilled(options.spill());
        teacherRotary = rotary(mapping.source());
        studentRotary = rotary(mapping.target());
    }

    private static RotaryEmbedding rotary(DecoderConfig config) {
        return new RotaryEmbedding(config.rotaryDimension(), config.ropeTheta(), config.ropeScaling(), config.maxPositions());
    }

    /** Runs a computation in a scope of its own. */
    private void compute(Runnable code) {
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                code.run();
            }
            return null;
        });
    }

    /** Stores the teacher's embeddings as its streams. */
    void embed() {
        compute(() -> {
            DecoderConfig config = mapping.source();
            Tensor table = source.get(TensorName.of(TensorRole.EMBEDDING).toString(), Shape.of(config.vocabSize(), config.hiddenSize()));
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> teacher.put(part, table.embedding(ids(text.parts().get(part))).cast(DType.F32)));
            }
        });
    }

    private static Tensor ids(int[]... sequences) {
        int[] all = IntStream.range(0, sequences.length).flatMap(i -> IntStream.of(sequences[i])).toArray();
        return Tensor.of(all, sequences.length, sequences[0].length);
    }

    /** The RMS of the text's centred embeddings; the mean over tokens. */
    double embeddingSize() {
        List<float[]> sizes = new ArrayList<>();
        for (int i = 0; i < text.parts().size(); i++) {
            int part = i;
            compute(() -> {
                Tensor stream = teacher.get(part);
                sizes.add(stream.sub(stream.mean(-1).unsqueeze(-1)).square().mean(-1).sqrt().toFloatArray());
            });
        }
        double sum = 0;
        for (float size : shared.ofAllTokens(sizes)) {
            sum += size;
        }
        return sum / shared.whole().tokens();
    }

    /** Stores the student's embeddings as its streams: the teacher's, centred, plus an anchor. */
    void anchor(double anchor) {
        for (int i = 0; i < text.parts().size(); i++) {
            int part = i;
            compute(() -> {
                Tensor stream = teacher.get(part);
                Tensor flat = rows(stream);
                student.put(part, new CentredRows(1, anchor).apply(List.of(flat), flat.shape()).reshape(stream.shape().toArray()));
            });
        }
    }

    /**
     * Measures the correction of the projections that read a norm.
     *
     * @param step which norm
     * @param ridge NaN to choose it automatically
     * @param regression accumulates the sums; cleared first
     * @return the solution
     */
    NormRegression.Solution measure(int step, double ridge, NormRegression regression) {
        TensorName name = norm(step);
        regression.clear(shared);
        times.of(Phase.SUMS, () -> compute(() -> {
            Norm layerNorm = DecoderParts.norm(name, mapping.source(), source);
            Norm rmsNorm = DecoderParts.norm(name, mapping.target(), mapped);
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> {
                    Tensor z = layerNorm.forward(teacher.get(part));
                    Tensor y = rmsNorm.forward(student.get(part));
                    regression.add(rows(y), rows(z.sub(y)), text.isHeldOut(part));
                });
                if (shared.endsBlock(part)) {
                    regression.endBlock();
                }
                progress.accept(CalibrationText.tokens(text.parts().get(part)));
            }
        }));
        return times.of(Phase.EQUATIONS, () -> regression.solve(ridge));
    }

    private static Tensor rows(Tensor x) {
        return x.reshape(x.size(0) * x.size(1), x.size(2));
    }

    /** Advances the teacher's streams past the block after a norm. After an odd norm, {@link #renewal} may be called. */
    void moveTeacher(int step) {
        times.of(Phase.TEACHER, () -> passTeacher(step));
    }

    private void passTeacher(int step) {
        if (step % 2 == 0) {
            move(teacher, step, mapping.source(), source);
            return;
        }
        compute(() -> {
            Norm before = DecoderParts.norm(norm(step), mapping.source(), source);
            FeedForward mlp = DecoderParts.mlp(layer(step), mapping.source(), source);
            activity = new double[mapping.source().intermediateSize()];
            List<float[]> squares = new ArrayList<>();
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> {
                    Tensor stream = teacher.get(part);
                    Tensor inner = mlp.activations(before.forward(stream));
                    squares.add(inner.reshape(stream.size(0) * stream.size(1), activity.length).square().sum(0).toFloatArray());
                    teacher.put(part, stream.add(mlp.writer().forward(inner)));
                });
                progress.accept(CalibrationText.tokens(text.parts().get(part)));
            }
            float[] ofAll = shared.ofAllParts(squares, _ -> activity.length);
            for (int j = 0; j < ofAll.length; j++) {
                activity[j % activity.length] += ofAll[j];
            }
            compute(() -> {
                Tensor outputs = mlp.writer().weight().value().cast(DType.F32);
                float[] lengths = new CentredOutputs(1).apply(List.of(outputs), outputs.shape()).square().sum(0).toFloatArray();
                for (int j = 0; j < lengths.length; j++) {
                    activity[j] *= (double) lengths[j] * lengths[j];
                }
            });
            for (Linear projection : mlp.inputProjections()) {
                compute(() -> {
                    Tensor weights = source.get(norm(step).toString(), Shape.of(mapping.source().hiddenSize())).cast(DType.F32);
                    float[] lengths = projection.weight().value().cast(DType.F32).mul(weights).square().sum(1).toFloatArray();
                    for (int j = 0; j < lengths.length; j++) {
                        activity[j] *= lengths[j];
                    }
                });
            }
        });
    }

    /** Advances the student's streams past the block after a norm, which must be completely measured. */
    void moveStudent(int step) {
        times.of(Phase.STUDENT, () -> move(student, step, mapping.target(), mapped));
    }

    /**
     * A neuron that renews the anchor.
     *
     * @param number the index of the neuron it replaces: the one of the layer that contributes least
     * @param rows the rows of gate and up, concatenated
     * @param error the mean square of the remaining anchor error on held-out tokens, relative to the anchor's mean square
     */
    record Neuron(int number, float[] rows, double error) {
        /** No neuron. */
        static Neuron none(int width) {
            return new Neuron(-1, new float[2 * width], Double.NaN);
        }
    }

    /**
     * Fits the neuron by which an MLP renews the anchor; the teacher's streams must be after the MLP and the student's before it.
     *
     * @param step the norm before the MLP
     * @param level the target mean of the stream, relative to its RMS; 0 for no anchor
     * @param constant w, such that w y estimates the constant 1 from the norm's output y
     * @return the neuron
     */
    Neuron renewal(int step, double level, float... constant) {
        int width = constant.length;
        var found = new Renewal();
        var reading = new float[1][];
        times.of(Phase.SUMS, () -> compute(() -> {
            Norm before = DecoderParts.norm(norm(step), mapping.target(), mapped);
            reading[0] = meanReader(mapped.get(norm(step).toString(), Shape.of(width)).toFloatArray());
            Tensor projections = Tensor.of(joined(reading[0], constant), 2, width);
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> {
                    Tensor stream = student.get(part);
                    long tokens = stream.size(0) * stream.size(1);
                    Tensor read = projections.matmul(before.forward(stream).reshape(tokens, width).transpose(0, 1));
                    Tensor behind = teacher.get(part);
                    Tensor size = behind.sub(behind.mean(-1).unsqueeze(-1)).square().mean(-1).sqrt();
                    found.e.add(read.slice(0, 0, 1).toFloatArray());
                    found.q.add(read.slice(0, 1, 2).toFloatArray());
                    found.size.add(size.toFloatArray());
                    found.anchor.add(stream.mean(-1).toFloatArray());
                });
                progress.accept(CalibrationText.tokens(text.parts().get(part)));
            }
        }));
        AnchorRenewal.Fit fit = found.fit(shared, level);
        if (fit == null) {
            return Neuron.none(width);
        }
        var rows = new float[2 * width];
        for (int i = 0; i < width; i++) {
            rows[i] = (float) (fit.gate() * reading[0][i]);
            rows[width + i] = (float) (fit.ofReading() * reading[0][i] + fit.ofConstant() * constant[i]);
        }
        return new Neuron(leastNeeded(), rows, fit.error());
    }

    /** What an anchor is renewed by, for each part of this rank. */
    private static final class Renewal {
        private final List<float[]> e = new ArrayList<>();
        private final List<float[]> q = new ArrayList<>();
        private final List<float[]> size = new ArrayList<>();
        private final List<float[]> anchor = new ArrayList<>();

        /** Null if there is no anchor, or none to read. */
        AnchorRenewal.Fit fit(SharedText text, double level) {
            float[] allE = text.ofAllTokens(e);
            float[] allQ = text.ofAllTokens(q);
            float[] allSizes = text.ofAllTokens(size);
            float[] allAnchors = text.ofAllTokens(anchor);
            if (!(level > 0)) {
                return null;
            }
            var fit = new AnchorRenewal(level);
            CalibrationText whole = text.whole();
            int from = 0;
            for (int part = 0; part < whole.parts().size(); part++) {
                int to = from + Math.toIntExact(CalibrationText.tokens(whole.parts().get(part)));
                fit.add(Arrays.copyOfRange(allE, from, to), Arrays.copyOfRange(allQ, from, to), Arrays.copyOfRange(allSizes, from, to),
                        Arrays.copyOfRange(allAnchors, from, to), whole.isHeldOut(part));
                from = to;
            }
            return fit.solve();
        }
    }

    private int leastNeeded() {
        int least = 0;
        for (int j = 1; j < activity.length; j++) {
            if (activity[j] < activity[least]) {
                least = j;
            }
        }
        return least;
    }

    /**
     * The vector that maps a norm's output to the mean of its input divided by the input's RMS: {@code 1 / (d g)}, except for weights g close
     * to zero.
     */
    private static float[] meanReader(float... weights) {
        double squares = 0;
        for (float g : weights) {
            squares += (double) g * g;
        }
        double floor = MIN_WEIGHT * MIN_WEIGHT * squares / weights.length;
        var reader = new float[weights.length];
        for (int i = 0; i < reader.length; i++) {
            reader[i] = (float) (weights[i] / (((double) weights[i] * weights[i] + floor) * weights.length));
        }
        return reader;
    }

    private static float[] joined(float[] first, float... second) {
        float[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private TensorName norm(int step) {
        return CalibratedMapping.norms(mapping.source()).get(step);
    }

    private static int layer(int step) {
        return step / 2;
    }

    private void move(Streams streams, int step, DecoderConfig config, Weights weights) {
        boolean attention = step % 2 == 0;
        RotaryEmbedding rotary = streams == teacher ? teacherRotary : studentRotary;
        compute(() -> {
            Norm before = DecoderParts.norm(norm(step), config, weights);
            Attention attend = attention ? DecoderParts.attention(layer(step), config, weights) : null;
            FeedForward mlp = attention ? null : DecoderParts.mlp(layer(step), config, weights);
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> {
                    Tensor stream = streams.get(part);
                    Tensor input = before.forward(stream);
                    Tensor branch = attention ? attend.forward(input, rotary.angles(0, stream.size(1)), null) : mlp.forward(input);
                    streams.put(part, stream.add(branch));
                });
                progress.accept(CalibrationText.tokens(text.parts().get(part)));
            }
        });
        // The next steps need blocks of other sizes; keeping these would only add to memory.
        device.backend().trim();
    }

    @Override
    public void close() {
        try (teacher; student) {
            teacherRotary.close();
            studentRotary.close();
        }
    }
}
