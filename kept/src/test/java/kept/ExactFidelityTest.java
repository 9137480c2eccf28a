package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.cli.Demo;
import kept.corpus.PackedTokens;
import kept.evaluation.Fidelity;
import kept.evaluation.TextEvaluation;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.StreamObserver;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The exact mapping of the demo's trained teacher, on held-out prose and code. The teacher is stored in bf16; the one evaluated here has f32 weights:
 * its own times random factors near 1, so that rounding to bf16 costs what it costs a model trained in f32. {@code -Dkept.thorough} reads twice as
 * much text, and four times as much where every stream is looked at.
 */
class ExactFidelityTest {
    private static final int LENGTH = 256;
    private static final boolean THOROUGH = Boolean.getBoolean("kept.thorough");
    private static final int TOKENS = THOROUGH ? 2048 : 1024;
    /** Of the texts whose streams are looked at. */
    private static final int STREAM_TOKENS = THOROUGH ? TOKENS : 512;
    private static final double MAX_F16 = 65504;

    private static Demo demo;
    private static Checkpoint checkpoint;
    private static DecoderConfig config;
    private static Mapping mapping;
    private static Decoder teacher;
    private static final List<TextEvaluation> TEXTS = new ArrayList<>();
    private static final List<TextEvaluation> STREAM_TEXTS = new ArrayList<>();

    @BeforeAll
    static void open() {
        demo = Demo.prepare(new PrintWriter(OutputStream.nullOutputStream()));
        checkpoint = Checkpoint.open(demo.teacher());
        config = DecoderConfig.read(demo.teacher());
        mapping = Mapping.exact(config);
        teacher = Decoder.create(config, weights(), Device.cpu());
        try (Tokenizer tokenizer = Tokenizer.load(demo.teacher())) {
            demo.domains().forEach((name, text) -> {
                try (PackedTokens tokens = PackedTokens.of(text, tokenizer, TOKENS + LENGTH + 1)) {
                    TEXTS.add(TextEvaluation.of(name, tokens, LENGTH, TOKENS));
                    STREAM_TEXTS.add(TextEvaluation.of(name, tokens, LENGTH, STREAM_TOKENS));
                }
            });
        }
    }

    @AfterAll
    static void close() {
        teacher.close();
        checkpoint.close();
        demo.close();
        TEXTS.clear();
        STREAM_TEXTS.clear();
    }

    @Test
    void inF32TheMappedModelIsTheTeacher() {
        try (Decoder mapped = mapped(DType.F32)) {
            for (TextEvaluation text : TEXTS) {
                Fidelity fidelity = text.compare(teacher, mapped);
                assertThat(fidelity.klMean()).as(text.name()).isLessThan(1e-7);
                assertThat(fidelity.top1Agreement()).as(text.name()).isGreaterThanOrEqualTo(0.9995);
            }
        }
    }

    @Test
    void inBf16ItLosesLittleMoreThanTheTeacherItself() {
        Weights rounded = (name, shape) -> {
            try (var scope = Scope.open()) {
                return scope.keep(weights().get(name, shape).cast(DType.BF16));
            }
        };
        try (Decoder roundedTeacher = Decoder.create(config, rounded, Device.cpu());
                Decoder mapped = mapped(DType.BF16)) {
            for (TextEvaluation text : TEXTS) {
                double noise = text.compare(teacher, roundedTeacher).klMean();
                double loss = text.compare(teacher, mapped).klMean();
                assertThat(noise).isBetween(1e-7, 1e-3);
                assertThat(loss).as("%s: teacher rounded %.3g", text.name(), noise).isLessThan(1.5 * noise);
            }
        }
    }

    @Test
    void inF16ItIsFiniteWhereverItIsStoredOrGoes() {
        try (Decoder mapped = mapped(DType.F16)) {
            mapped.parameters().forEach((name, parameter) -> {
                try (var _ = Scope.open()) {
                    assertThat(largest(parameter.value())).as(name).isLessThan(MAX_F16);
                }
            });
            StreamObserver observer = (norm, stream) -> assertThat(largest(stream)).as(norm).isLessThan(MAX_F16);
            for (TextEvaluation text : TEXTS) {
                assertThat(text.compare(teacher, mapped).klMean()).as(text.name()).isLessThan(1e-5);
            }
            for (TextEvaluation text : STREAM_TEXTS) {
                text.forEachInput(Device.cpu(), ids -> Autograd.withoutRecording(() -> {
                    try (var _ = Scope.open()) {
                        mapped.hidden(ids, null, observer);
                    }
                    return null;
                }));
            }
        }
    }

    private static Decoder mapped(DType dtype) {
        return Decoder.create(mapping.target(), new MappedWeights(mapping, weights(), dtype), Device.cpu());
    }

    /** NaN counts as largest of all. */
    private static double largest(Tensor tensor) {
        double largest = 0;
        for (float value : tensor.toFloatArray()) {
            largest = Float.isNaN(value) ? Double.POSITIVE_INFINITY : Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    private static Weights weights() {
        var stored = new CheckpointWeights(checkpoint, DType.F32);
        return (name, shape) -> {
            try (var scope = Scope.open()) {
                Tensor factors = Tensor.uniform(3, name.hashCode(), shape.toArray()).mul(0.01).add(0.995);
                return scope.keep(stored.get(name, shape).mul(factors));
            }
        };
    }
}
