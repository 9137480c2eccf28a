package kept.calibration;

import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.calibration.PhaseTimes.Phase;
import kept.mapping.CalibratedMapping;
import kept.mapping.CentredRows;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.model.DecoderParts;
import kept.model.Weights;
import kept.nn.Attention;
import kept.nn.Norm;
import kept.nn.RotaryEmbedding;
import kept.nn.SwiGlu;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Teacher and student side by side, from one norm to the next: memory holds the streams of all tokens, and of the models what lies between two norms.
 * Norms are counted in the order of the graph; behind an even one comes a layer's attention, behind an odd one its MLP.
 */
final class LayerWalk implements AutoCloseable {
    private final Mapping mapping;
    private final Weights source;
    private final Weights mapped;
    private final CalibrationText text;
    private final Device device;
    private final Streams teacher;
    private final Streams student;
    private final RotaryEmbedding rotary;
    private final LongConsumer progress;
    private final PhaseTimes times;

    /**
     * A walk that has not begun.
     *
     * @param mapping the table
     * @param source the teacher's parameters
     * @param measured what is measured of the student, as far as the walk goes
     * @param text the tokens
     * @param options where streams are kept
     * @param device where to compute
     * @param progress is told the tokens of each part that has been measured or moved on
     * @param times are told what took how long
     */
    LayerWalk(Mapping mapping, Weights source, Weights measured, CalibrationText text, CalibrationOptions options, Device device,
            LongConsumer progress, PhaseTimes times) {
        this.mapping = mapping;
        this.source = source;
        this.mapped = new MappedWeights(mapping, mapping.sources(source, measured), DType.F32);
        this.text = text;
        this.device = device;
        this.progress = progress;
        this.times = times;
        teacher = options.spill() == null ? Streams.inMemory(device) : Streams.spilled(options.spill());
        student = options.spill() == null ? Streams.inMemory(device) : Streams.spilled(options.spill());
        DecoderConfig config = mapping.source();
        rotary = new RotaryEmbedding(config.headDimension(), config.ropeTheta(), config.ropeScaling(), config.maxPositions());
    }

    /** A calculation that makes nothing that outlives it. */
    private void compute(Runnable code) {
        Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                code.run();
            }
            return null;
        });
    }

    /** Puts the teacher's embeddings into its streams. */
    void embed() {
        compute(() -> {
            DecoderConfig config = mapping.source();
            Tensor table = source.get("model.embed_tokens.weight", Shape.of(config.vocabSize(), config.hiddenSize()));
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

    /** The root mean square of the embeddings of the text, centred; the mean over tokens. */
    double embeddingSize() {
        var sum = new double[1];
        for (int i = 0; i < text.parts().size(); i++) {
            int part = i;
            compute(() -> {
                Tensor stream = teacher.get(part);
                for (float size : stream.sub(stream.mean(-1).unsqueeze(-1)).square().mean(-1).sqrt().toFloatArray()) {
                    sum[0] += size;
                }
            });
        }
        return sum[0] / text.tokens();
    }

    /** Puts the student's embeddings into its streams: the teacher's, centred, with an anchor. */
    void anchor(double anchor) {
        for (int i = 0; i < text.parts().size(); i++) {
            int part = i;
            compute(() -> {
                Tensor rows = teacher.get(part);
                long tokens = rows.size(0) * rows.size(1);
                Tensor flat = rows.reshape(tokens, rows.size(2));
                student.put(part, new CentredRows(1, anchor).apply(List.of(flat), flat.shape()).reshape(rows.shape().toArray()));
            });
        }
    }

    /**
     * Measures what a norm's consumers are to be corrected by.
     *
     * @param step which norm
     * @param ridge NaN to choose it
     * @param regression takes the sums; cleared first
     * @return the solution
     */
    NormRegression.Solution measure(int step, double ridge, NormRegression regression) {
        String name = CalibratedMapping.norms(mapping.source()).get(step);
        regression.clear();
        times.of(Phase.SUMS, () -> compute(() -> {
            Norm layerNorm = DecoderParts.norm(name, mapping.source(), source);
            Norm rmsNorm = DecoderParts.norm(name, mapping.target(), mapped);
            for (int i = 0; i < text.parts().size(); i++) {
                int part = i;
                compute(() -> {
                    Tensor z = layerNorm.forward(teacher.get(part));
                    Tensor y = rmsNorm.forward(student.get(part));
                    regression.add(y.toFloatArray(), z.sub(y).toFloatArray(), text.isHeldOut(part));
                });
                progress.accept(CalibrationText.tokens(text.parts().get(part)));
            }
        }));
        return times.of(Phase.EQUATIONS, () -> regression.solve(ridge));
    }

    /** Takes both streams through what lies behind a norm, whose correction has been measured. */
    void goOn(int step) {
        String norm = CalibratedMapping.norms(mapping.source()).get(step);
        String layer = "model.layers." + step / 2;
        times.of(Phase.TEACHER, () -> move(teacher, norm, layer, step % 2 == 0, mapping.source(), source));
        times.of(Phase.STUDENT, () -> move(student, norm, layer, step % 2 == 0, mapping.target(), mapped));
    }

    private void move(Streams streams, String norm, String layer, boolean attention, DecoderConfig config, Weights weights) {
        compute(() -> {
            Norm before = DecoderParts.norm(norm, config, weights);
            Attention attend = attention ? DecoderParts.attention(layer, config, weights) : null;
            SwiGlu mlp = attention ? null : DecoderParts.mlp(layer, config, weights);
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
        // The next steps want blocks of other sizes: what is kept of these would only be added to them.
        device.backend().trim();
    }

    @Override
    public void close() {
        try (teacher; student) {
            rotary.close();
        }
    }
}
