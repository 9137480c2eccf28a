package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.evaluation.LayerDistances.Place;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.DecoderConfigBuilder;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** Where two models part, on tiny ones. */
class TextComparisonTest {
    private static final TextEvaluation TEXT = text(3, 9, 160);

    @Test
    void distancesAreThoseOfPlainArithmetic() {
        try (Decoder teacher = fixture("orion-safetensors", UnaryOperator.identity());
                Decoder student = mapped()) {
            LayerDistances distances = layers(teacher, student);
            assertThat(distances.notes()).isEmpty();
            assertThat(distances.places()).extracting(Place::name).containsExactly(
                    "layer 0 attention", "layer 0 MLP", "layer 1 attention", "layer 1 MLP", "final norm");
            List<Place> expected = Reference.places(teacher, student, TEXT);
            for (int i = 0; i < expected.size(); i++) {
                Place place = distances.places().get(i);
                Place plain = expected.get(i);
                String name = place.name();
                assertThat(place.stream()).as("stream of " + name).isCloseTo(plain.stream(), within(1e-6));
                assertThat(place.scale()).as("scale of " + name).isCloseTo(plain.scale(), within(1e-9));
                assertThat(place.norm()).as("norm of " + name).isCloseTo(plain.norm(), within(1e-5)).isGreaterThan(0.001);
                assertThat(place.projections()).as("projections of " + name).isCloseTo(plain.projections(), within(1e-5)).isGreaterThan(0.001);
            }
        }
    }

    @Test
    void aModelIsAtNoDistanceFromItself() {
        try (Decoder teacher = fixture("llama-biases", UnaryOperator.identity());
                Decoder student = fixture("llama-biases", UnaryOperator.identity())) {
            assertThat(layers(teacher, student).places()).hasSize(5).allSatisfy(place -> {
                assertThat(place.stream()).isZero();
                assertThat(place.scale()).isEqualTo(1);
                assertThat(place.norm()).isZero();
                assertThat(place.projections()).isZero();
            });
        }
    }

    @Test
    void aModelPartsWhereItWasChangedAndNotBefore() {
        try (Decoder teacher = fixture("llama", UnaryOperator.identity());
                Decoder student = fixture("llama", weights -> (name, shape) -> name.equals("model.layers.1.self_attn.o_proj.weight")
                        ? weights.get(name, shape).mul(1.25) : weights.get(name, shape))) {
            List<Place> places = layers(teacher, student).places();
            for (Place before : places.subList(0, 3)) {
                assertThat(List.of(before.stream(), before.norm(), before.projections())).as(before.name()).containsOnly(0.0);
            }
            for (Place after : places.subList(3, 5)) {
                assertThat(Math.min(after.stream(), Math.min(after.norm(), after.projections()))).as(after.name()).isGreaterThan(1e-4);
            }
        }
    }

    /** What centring, an anchor and a scale do to a stream is no distance: every norm behind them hands on the same. */
    @Test
    void aStreamThatIsShiftedAndScaledIsAtNoDistance() {
        var fitted = new RelativeDistance.Fitted();
        fitted.add(new float[] {1, 2, 3, -4, 0, 2}, new float[] {4 + 100, 8 + 100, 12 + 100, -16 - 7, 0 - 7, 8 - 7}, 3);
        assertThat(fitted.scale()).isCloseTo(0.25, within(1e-12));
        assertThat(fitted.value()).isCloseTo(0, within(1e-7));
        var apart = new RelativeDistance.Fitted();
        apart.add(new float[] {1, -1, 0}, new float[] {1, 1, -2}, 3);
        assertThat(apart.scale()).as("nothing of the one is in the other").isZero();
        assertThat(apart.value()).isEqualTo(1);
    }

    @Test
    void scoresAreTheSameWhetherOrNotLayersAreCompared() {
        try (Decoder teacher = fixture("orion-safetensors", UnaryOperator.identity());
                Decoder student = mapped()) {
            TokenScores plain = TEXT.scores(teacher, student, _ -> { });
            TokenScores paired = TextComparison.of(TEXT, teacher, student, true, 3, _ -> { }).scores();
            assertThat(paired.divergences()).containsExactly(plain.divergences());
            assertThat(paired.teacherLosses()).containsExactly(plain.teacherLosses());
            assertThat(paired.studentLosses()).containsExactly(plain.studentLosses());
        }
    }

    @Test
    void layersThatOnlyOneModelHasAreLeftOutAndTold() {
        DecoderConfigBuilder sizes = DecoderConfig.builder(Architecture.LLAMA).vocabSize(160).hiddenSize(16).intermediateSize(24).layers(2).heads(2)
                .maxPositions(32).initializerRange(0.2);
        DecoderConfig short2 = sizes.build();
        DecoderConfig long3 = sizes.layers(3).build();
        // The deeper model's last layer adds nothing, so that it is the other's equal.
        try (Decoder teacher = Decoder.create(short2, new RandomWeights(short2, 3), Device.cpu());
                Decoder student = Decoder.create(long3, (name, shape) -> name.startsWith("model.layers.2.") && name.contains("_proj")
                        ? Tensor.zeros(shape.toArray()) : new RandomWeights(short2, 3).get(name, shape), Device.cpu())) {
            LayerDistances distances = layers(teacher, student);
            assertThat(distances.notes()).containsExactly(
                    "the teacher has 2 layers, the student 3: layers are compared by their index, the student's layer 2 is left out");
            assertThat(distances.places()).extracting(Place::name).endsWith("layer 1 MLP", "after layer 1", "final norm");
            assertThat(distances.places().get(4).stream()).isZero();
            assertThat(distances.places().get(4).norm()).isNaN();
            assertThat(distances.places().get(5).stream()).isNaN();
            assertThat(distances.places().get(5).projections()).isZero();
        }
    }

    @Test
    void whatDiffersInWidthIsPassedOverAndTold() {
        DecoderConfig narrow = DecoderConfig.builder(Architecture.LLAMA).vocabSize(160).hiddenSize(16).intermediateSize(24).layers(2).heads(2)
                .maxPositions(32).initializerRange(0.2).build();
        try (Decoder teacher = fixture("orion-safetensors", UnaryOperator.identity());
                Decoder student = Decoder.create(narrow, new RandomWeights(narrow, 3), Device.cpu())) {
            LayerDistances distances = layers(teacher, student);
            assertThat(String.join("; ", distances.notes())).contains("the teacher's stream is 32 wide, the student's 16", "heads differ",
                    "the teacher's are 80 wide, the student's 24");
            assertThat(distances.places().getFirst()).isEqualTo(new Place("layer 0 attention", Double.NaN, Double.NaN, Double.NaN, Double.NaN));
            assertThat(distances.places().getLast().projections()).as("logits").isBetween(0.1, 10.0);
        }
    }

    @Test
    void theWorstTokensAreThoseOfLargestDivergenceWithWhatBothExpect() {
        try (Decoder teacher = fixture("orion-safetensors", UnaryOperator.identity());
                Decoder student = mapped()) {
            TextComparison comparison = TextComparison.of(TEXT, teacher, student, false, 4, _ -> { });
            float[] sorted = comparison.scores().divergences().clone();
            Arrays.sort(sorted);
            assertThat(comparison.worst()).extracting(WorstToken::divergence)
                    .containsExactly((double) sorted[26], (double) sorted[25], (double) sorted[24], (double) sorted[23]);
            for (WorstToken worst : comparison.worst()) {
                assertThat(worst.divergence()).isEqualTo(comparison.scores().divergences()[worst.sequence() * 9 + worst.position()]);
                double[] taught = probabilities(teacher, worst);
                double[] learnt = probabilities(student, worst);
                assertThat(worst.teacherProbability()).isCloseTo(taught[TEXT.next(worst.sequence(), worst.position())], within(1e-5));
                assertThat(worst.studentProbability()).isCloseTo(learnt[TEXT.next(worst.sequence(), worst.position())], within(1e-5));
                assertLikeliest(worst.teacherCandidates(), taught);
                assertLikeliest(worst.studentCandidates(), learnt);
            }
        }
    }

    private static void assertLikeliest(List<WorstToken.Candidate> candidates, double[] probabilities) {
        int[] order = IntStream.range(0, probabilities.length).boxed()
                .sorted((a, b) -> Double.compare(probabilities[b], probabilities[a])).mapToInt(Integer::intValue).toArray();
        assertThat(candidates).extracting(WorstToken.Candidate::token).containsExactly(order[0], order[1], order[2], order[3], order[4]);
        candidates.forEach(candidate -> assertThat(candidate.probability()).isCloseTo(probabilities[candidate.token()], within(1e-6)));
    }

    private static double[] probabilities(Decoder model, WorstToken worst) {
        int[] before = TEXT.before(worst.sequence(), worst.position(), 100);
        assertThat(before).hasSize(worst.position() + 1);
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open()) {
                float[] all = model.logits(Tensor.of(before, 1, before.length)).softmax(-1).toFloatArray();
                return IntStream.range(all.length - 160, all.length).mapToDouble(i -> all[i]).toArray();
            }
        });
    }

    @Test
    void tokensAreCountedByTheClassOfTheOneThatComesNext() {
        var text = new TextEvaluation("t", new int[] {9, 0, 1, 1, 9, 2, 2, 1}, 3);
        var scores = new TokenScores(3, new float[] {1, 2, 3, 4, 5, 6}, new float[6], new float[6], new float[] {1, 0, 1, 1, 0, 0});
        assertThat(ClassScores.of(text, scores, token -> token == 0 ? 3 : token)).containsExactly(
                new ClassScores(1, 3, 11 / 3.0, 11 / 21.0, 1 / 3.0),
                new ClassScores(2, 2, 4.5, 9 / 21.0, 0.5),
                new ClassScores(3, 1, 1, 1 / 21.0, 1));
    }

    private static LayerDistances layers(Decoder teacher, Decoder student) {
        return TextComparison.of(TEXT, teacher, student, true, 0, _ -> { }).layers().orElseThrow();
    }

    private static TextEvaluation text(int sequences, int length, int vocabulary) {
        int[] ids = IntStream.range(0, sequences * (length + 1)).map(i -> (i * i * 31 + i * 7 + 5) % vocabulary).toArray();
        return new TextEvaluation("text", ids, length);
    }

    private static Decoder fixture(String name, UnaryOperator<Weights> change) {
        try (var checkpoint = Checkpoint.open(Fixtures.path(name))) {
            return Decoder.create(DecoderConfig.read(Fixtures.path(name)), change.apply(new CheckpointWeights(checkpoint, null)), Device.cpu());
        }
    }

    /** What OPM makes of the Orion. */
    private static Decoder mapped() {
        try (var checkpoint = Checkpoint.open(Fixtures.path("orion-safetensors"))) {
            Mapping mapping = Mapping.opm(DecoderConfig.read(Fixtures.path("orion-safetensors")));
            return Decoder.create(mapping.target(), new MappedWeights(mapping, new CheckpointWeights(checkpoint, null), null), Device.cpu());
        }
    }

    /** Distances from streams that an observer was shown, by norms and projections in plain double arithmetic. */
    private static final class Reference {
        private static final int WIDTH = 32;

        static List<Place> places(Decoder teacher, Decoder student, TextEvaluation text) {
            Map<String, double[][]> taught = streams(teacher, text);
            Map<String, double[][]> learnt = streams(student, text);
            return taught.keySet().stream().map(norm -> {
                double[][] t = taught.get(norm);
                double[][] s = learnt.get(norm);
                double scale = scale(t, s);
                double stream = distance(centred(t), scaled(centred(s), scale));
                double[][] normedT = normed(teacher, norm, t);
                double[][] normedS = normed(student, norm, s);
                double[][] readT = read(teacher, norm, normedT);
                double[][] readS = read(student, norm, normedS);
                boolean last = norm.equals("model.norm");
                return new Place(norm, stream, scale, distance(normedT, normedS),
                        last ? distance(centred(readT), centred(readS)) : distance(readT, readS));
            }).toList();
        }

        private static Map<String, double[][]> streams(Decoder model, TextEvaluation text) {
            Map<String, double[][]> streams = new LinkedHashMap<>();
            text.forEachInput(Device.cpu(), ids -> Autograd.withoutRecording(() -> model.hidden(ids, null, (norm, stream) -> {
                float[] values = stream.toFloatArray();
                double[][] rows = new double[values.length / WIDTH][WIDTH];
                for (int i = 0; i < values.length; i++) {
                    rows[i / WIDTH][i % WIDTH] = values[i];
                }
                streams.merge(norm, rows, (a, b) -> {
                    double[][] both = Arrays.copyOf(a, a.length + b.length);
                    System.arraycopy(b, 0, both, a.length, b.length);
                    return both;
                });
            })));
            return streams;
        }

        private static double[][] centred(double[][] rows) {
            return Arrays.stream(rows).map(row -> {
                double mean = Arrays.stream(row).average().orElseThrow();
                return Arrays.stream(row).map(value -> value - mean).toArray();
            }).toArray(double[][]::new);
        }

        private static double[][] scaled(double[][] rows, double scale) {
            return Arrays.stream(rows).map(row -> Arrays.stream(row).map(value -> scale * value).toArray()).toArray(double[][]::new);
        }

        private static double dot(double[] a, double[] b) {
            return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
        }

        /** Least squares of each token relative to the teacher's length. */
        private static double scale(double[][] teacher, double[][] student) {
            double[][] t = centred(teacher);
            double[][] s = centred(student);
            double above = 0;
            double below = 0;
            for (int i = 0; i < t.length; i++) {
                above += dot(t[i], s[i]) / dot(t[i], t[i]);
                below += dot(s[i], s[i]) / dot(t[i], t[i]);
            }
            return above / below;
        }

        private static double distance(double[][] t, double[][] s) {
            double sum = 0;
            for (int i = 0; i < t.length; i++) {
                int row = i;
                double[] difference = IntStream.range(0, t[i].length).mapToDouble(k -> t[row][k] - s[row][k]).toArray();
                sum += dot(difference, difference) / dot(t[i], t[i]);
            }
            return Math.sqrt(sum / t.length);
        }

        private static double[][] normed(Decoder model, String norm, double[][] stream) {
            float[] gain = parameter(model, norm + ".weight");
            float[] bias = parameter(model, norm + ".bias");
            double[][] rows = bias == null ? stream : centred(stream);
            double epsilon = model.config().normEps();
            return Arrays.stream(rows).map(row -> {
                double root = Math.sqrt(dot(row, row) / row.length + epsilon);
                return IntStream.range(0, row.length).mapToDouble(i -> gain[i] * row[i] / root + (bias == null ? 0 : bias[i])).toArray();
            }).toArray(double[][]::new);
        }

        private static double[][] read(Decoder model, String norm, double[][] rows) {
            String layer = norm.substring(0, norm.lastIndexOf('.') + 1);
            List<String> projections = norm.endsWith("input_layernorm") ? List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
                    : norm.endsWith("post_attention_layernorm") ? List.of("mlp.gate_proj", "mlp.up_proj") : List.of("lm_head");
            String prefix = norm.equals("model.norm") ? "" : layer;
            return Arrays.stream(rows).map(row -> projections.stream().map(projection -> parameter(model, prefix + projection + ".weight"))
                    .flatMapToDouble(weight -> IntStream.range(0, weight.length / WIDTH).mapToDouble(out ->
                            IntStream.range(0, WIDTH).mapToDouble(i -> weight[out * WIDTH + i] * row[i]).sum())).toArray())
                    .toArray(double[][]::new);
        }

        private static float[] parameter(Decoder model, String name) {
            var parameter = model.parameters().get(name);
            return parameter == null ? null : parameter.value().toFloatArray();
        }
    }
}
