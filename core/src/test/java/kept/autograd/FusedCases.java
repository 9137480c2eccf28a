package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import kept.autograd.operation.LowRankLinear;
import kept.autograd.operation.RotaryPositions;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.SparseDistribution;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Operations of {@code kept.autograd} that fuse others, and their plain definitions. */
final class FusedCases {
    private static final DistillationObjective OBJECTIVE = new DistillationObjective(Divergence.FORWARD_KL, 2, 0.25);

    private final List<OperationCase> cases = new ArrayList<>();

    private FusedCases() {}

    static List<OperationCase> all() {
        var table = new FusedCases();
        table.norms();
        table.gates();
        table.updates();
        table.rotations();
        table.attention();
        table.crossEntropy();
        table.klDivergence();
        table.distillation();
        table.sparseDistillation();
        return table.cases;
    }

    private OperationCase of(String method, String... names) {
        var added = new OperationCase(method, names);
        cases.add(added);
        return added;
    }

    static Reference rmsNorm(Reference x, Reference weight, double epsilon) {
        References.require(epsilon > 0 && !Double.isInfinite(epsilon) && x.shape().length > 0);
        vectorOf(x, weight);
        Reference rstd = References.reduce(x, true, row -> 1 / Math.sqrt(References.mean(Arrays.stream(row).map(v -> v * v).toArray()) + epsilon),
                -1);
        return References.zip(References.zip(x, rstd, (v, r) -> v * r), weight, (v, w) -> v * w);
    }

    static Reference layerNorm(Reference x, Reference weight, Reference bias, double epsilon) {
        References.require(epsilon > 0 && !Double.isInfinite(epsilon) && x.shape().length > 0);
        vectorOf(x, weight);
        vectorOf(x, bias);
        Reference centred = References.zip(x, References.reduce(x, true, References::mean, -1), (v, m) -> v - m);
        Reference rstd = References.reduce(x, true, row -> 1 / Math.sqrt(References.variance(row) + epsilon), -1);
        return References.zip(References.zip(References.zip(centred, rstd, (v, r) -> v * r), weight, (v, w) -> v * w), bias, Double::sum);
    }

    private static void vectorOf(Reference x, Reference vector) {
        References.require(vector.shape().length == 1 && vector.shape()[0] == x.shape()[x.shape().length - 1]);
    }

    private static Reference sameShape(Reference a, Reference b) {
        References.require(Arrays.equals(a.shape(), b.shape()));
        return References.zip(a, b, Double::sum);
    }

    private void norms() {
        String rms = "Functional.rmsNorm";
        String name = "rms norm";
        of(rms + "(Tensor, Tensor, double)", name).value(2, 3, 4).value(4).real(0.25).type(types -> types[0])
                .is((x, n) -> Functional.rmsNorm(x[0], x[1], n[0]), (x, n) -> rmsNorm(x[0], x[1], n[0]));
        of(rms + "(Tensor, Tensor, double, DType)", name).value(3, 4).value(4).real(0.25).type(types -> types[0])
                .is((x, n) -> Functional.rmsNorm(x[0], x[1], n[0], x[0] == null ? DType.F32 : x[0].dtype()), (x, n) -> rmsNorm(x[0], x[1], n[0]));
        of(rms + "(Tensor, Tensor, double, DType)", name).value(3, 4).value(4).real(0.25).type(FusedCases::roundedToBf16)
                .is((x, n) -> Functional.rmsNorm(x[0], x[1], n[0], DType.BF16), (x, n) -> rmsNorm(x[0], x[1], n[0]));
        String sum = "(Tensor, Tensor, Tensor, double, DType)";
        of("Functional.addRmsNorm" + sum, name, "add").value(3, 4).value(3, 4).value(4).real(0.25)
                .type(types -> OperationCase.promoted(types[0], types[1]))
                .is((x, n) -> Functional.addRmsNorm(x[0], x[1], x[2], n[0], sumType(x)).normalized(),
                        (x, n) -> rmsNorm(References.zip(x[0], x[1], Double::sum), x[2], n[0]));
        of("Functional.addRmsNorm" + sum, name, "add").value(3, 4).value(3, 4).value(4).type(types -> OperationCase.promoted(types[0], types[1]))
                .is((x, n) -> Functional.addRmsNorm(x[0], x[1], x[2], 0.1, sumType(x)).sum(), (x, n) -> {
                    rmsNorm(References.zip(x[0], x[1], Double::sum), x[2], 0.1);
                    return References.zip(x[0], x[1], Double::sum);
                });
        String layer = "Functional.layerNorm";
        String layerName = "layer norm";
        of(layer + "(Tensor, Tensor, Tensor, double)", layerName).value(2, 3, 4).value(4).value(4).real(0.25).type(types -> types[0])
                .is((x, n) -> Functional.layerNorm(x[0], x[1], x[2], n[0]), (x, n) -> layerNorm(x[0], x[1], x[2], n[0]));
        of(layer + "(Tensor, Tensor, Tensor, double, DType)", layerName).value(3, 4).value(4).value(4).real(0.25).type(FusedCases::roundedToBf16)
                .is((x, n) -> Functional.layerNorm(x[0], x[1], x[2], n[0], DType.BF16), (x, n) -> layerNorm(x[0], x[1], x[2], n[0]));
        of("Functional.addLayerNorm(Tensor, Tensor, Tensor, Tensor, double, DType)", layerName, "add").value(3, 4).value(3, 4).value(4).value(4)
                .real(0.25)
                .type(types -> OperationCase.promoted(types[0], types[1]))
                .is((x, n) -> Functional.addLayerNorm(x[0], x[1], x[2], x[3], n[0], sumType(x)).normalized(),
                        (x, n) -> layerNorm(References.zip(x[0], x[1], Double::sum), x[2], x[3], n[0]));
    }

    private static DType roundedToBf16(DType... types) {
        return types[0] == DType.F32 || types[0] == DType.BF16 ? DType.BF16 : null;
    }

    private static DType sumType(Tensor[] x) {
        if (x[0] == null || x[1] == null) {
            return DType.F32;
        }
        DType sum = OperationCase.promoted(x[0].dtype(), x[1].dtype());
        return sum == null ? DType.F32 : sum;
    }

    static Reference swiGlu(Reference gate, Reference up) {
        sameShape(gate, up);
        return References.zip(gate, up, (g, u) -> g / (1 + Math.exp(-g)) * u);
    }

    private void gates() {
        of("Functional.swiGlu(Tensor, Tensor)", "swiglu").value(3, 4).value(3, 4)
                .is((x, n) -> Functional.swiGlu(x[0], x[1]), (x, n) -> swiGlu(x[0], x[1]));
        for (int[] rows : new int[][] {{3, 4}, {2, 3, 4}}) {
            of("Functional.swiGluLinear(Tensor, Tensor, Tensor)", "gated projection", "swiglu", "linear").value(rows).value(rows).value(2, 4)
                    .is((x, n) -> Functional.swiGluLinear(x[0], x[1], x[2]),
                            (x, n) -> References.matmul(swiGlu(x[0], x[1]), References.transpose(x[2])));
        }
        of("Functional.swiGluLinear(Tensor, Tensor, Tensor, Tensor)", "gated projection", "swiglu", "linear", "add").value(3, 4).value(3, 4)
                .value(2, 4)
                .value(2).is((x, n) -> Functional.swiGluLinear(x[0], x[1], x[2], x[3]), (x, n) -> {
                    References.require(x[2].shape().length == 2 && x[3].shape().length == 1 && x[3].shape()[0] == x[2].shape()[0]);
                    return References.zip(References.matmul(swiGlu(x[0], x[1]), References.transpose(x[2])), x[3], Double::sum);
                });
        UnaryOperator<Tensor> segment = x -> x.mul(x).add(1);
        of("Autograd.checkpoint(UnaryOperator, Tensor)", "activation checkpoint", "mul", "add").value(3, 4).integers()
                .is((x, n) -> Autograd.checkpoint(segment, x[0]), (x, n) -> x[0].map(v -> v * v + 1));
    }

    private void updates() {
        OperationCase updated = of("Linear.forward(Tensor)", "low-rank linear", "low-rank update", "linear", "matmul", "mul").value(2, 3, 4)
                .value(5, 4).value(2, 4).value(5, 2).real(-1.5).type(FusedCases::typeOfUpdated)
                .is((x, n) -> LowRankLinear.apply(x[0], x[1], null, new LowRankUpdate(x[2], x[3], n[0])), (x, n) -> {
                    References.require(x[1].shape().length == 2 && x[2].shape().length == 2 && x[3].shape().length == 2
                            && x[2].shape()[0] > 0 && Double.isFinite(n[0]));
                    Reference narrow = References.matmul(x[0], References.transpose(x[2])).map(v -> n[0] * v);
                    return References.zip(References.matmul(x[0], References.transpose(x[1])),
                            References.matmul(narrow, References.transpose(x[3])), Double::sum);
                });
        updated.slack = 4;
    }

    /** Of x and the weight; an update is of F64 where they are, and only there. */
    private static DType typeOfUpdated(DType... types) {
        DType product = OperationCase.promoted(types[0], types[1]);
        boolean isWide = product == DType.F64;
        return (types[2] == DType.F64) == isWide && (types[3] == DType.F64) == isWide ? product : null;
    }

    static Reference rotated(Reference x, Reference cos, Reference sin) {
        References.require(x.shape().length == 4 && x.shape()[3] % 2 == 0);
        int half = x.shape()[3] / 2;
        int[] angles = {x.shape()[1], half};
        References.require(Arrays.equals(cos.shape(), angles) && Arrays.equals(sin.shape(), angles));
        return Reference.generate(x.shape(), at -> {
            int pair = at[3] % half;
            double partner = x.at(at[0], at[1], at[2], (at[3] + half) % (2 * half));
            return x.at(at) * cos.at(at[1], pair) + (at[3] < half ? -partner : partner) * sin.at(at[1], pair);
        });
    }

    private void rotations() {
        for (int width : new int[] {2, 8}) {
            OperationCase fused = of("Functional.rotaryEmbedding(Tensor, Tensor, Tensor)", "rotary positions").value(2, 3, 2, width)
                    .value(3, width / 2)
                    .value(3, width / 2).type(types -> types[1] == DType.F32 && types[2] == DType.F32 ? types[0] : null)
                    .is((x, n) -> Functional.rotaryEmbedding(x[0], x[1], x[2]), (x, n) -> rotated(x[0], x[1], x[2]));
            fused.constants = 2;
            OperationCase inPlace = of("Functional.rotaryEmbedding(Tensor, Tensor, Tensor)", "rotary positions", "cast").value(2, 3, 2, width)
                    .value(3, width / 2).value(3, width / 2).type(types -> types[1] == DType.F32 && types[2] == DType.F32 ? types[0] : null)
                    .is((x, n) -> RotaryPositions.applyInPlace(x[0] == null ? null : x[0].copy(), x[1], x[2]), (x, n) -> rotated(x[0], x[1], x[2]));
            inPlace.constants = 2;
        }
    }

    static Reference attended(Reference q, Reference k, Reference v, double scale) {
        References.require(q.shape().length == 4 && k.shape().length == 4 && Arrays.equals(k.shape(), v.shape()) && Double.isFinite(scale));
        int queries = q.shape()[1];
        int keys = k.shape()[1];
        int heads = q.shape()[2];
        int groups = k.shape()[2];
        int width = q.shape()[3];
        References.require(q.shape()[0] == k.shape()[0] && queries <= keys && width == k.shape()[3] && groups > 0 && heads % groups == 0);
        return Reference.generate(q.shape(), at -> {
            int group = at[2] / (heads / groups);
            double[] scores = IntStream.range(0, keys - queries + at[1] + 1).mapToDouble(s -> scale * IntStream.range(0, width)
                    .mapToDouble(d -> q.at(at[0], at[1], at[2], d) * k.at(at[0], s, group, d)).sum()).toArray();
            double lse = References.logSumExp(scores);
            return IntStream.range(0, scores.length).mapToDouble(s -> Math.exp(scores[s] - lse) * v.at(at[0], s, group, at[3])).sum();
        });
    }

    private static Reference fullyAttended(Reference q, Reference k, Reference v, double scale) {
        References.require(q.shape().length == 4 && k.shape().length == 4 && Arrays.equals(k.shape(), v.shape()) && Double.isFinite(scale));
        int keys = k.shape()[1];
        int heads = q.shape()[2];
        int groups = k.shape()[2];
        int width = q.shape()[3];
        References.require(q.shape()[0] == k.shape()[0] && keys > 0 && width == k.shape()[3] && groups > 0 && heads % groups == 0);
        return Reference.generate(q.shape(), at -> {
            int group = at[2] / (heads / groups);
            double[] scores = IntStream.range(0, keys).mapToDouble(s -> scale * IntStream.range(0, width)
                    .mapToDouble(d -> q.at(at[0], at[1], at[2], d) * k.at(at[0], s, group, d)).sum()).toArray();
            double lse = References.logSumExp(scores);
            return IntStream.range(0, keys).mapToDouble(s -> Math.exp(scores[s] - lse) * v.at(at[0], s, group, at[3])).sum();
        });
    }

    private void attention() {
        for (int queries : new int[] {2, 4}) {
            of("Functional.scaledDotProductAttention(Tensor, Tensor, Tensor, boolean, double)", "attention").value(2, queries, 4, 3)
                    .value(2, 3, 2, 3).value(2, 3, 2, 3).real(0.5).slack(4)
                    .type(types -> types[0] == types[1] && types[1] == types[2] ? types[0] : null)
                    .is((x, n) -> Functional.scaledDotProductAttention(x[0], x[1], x[2], false, n[0]),
                            (x, n) -> fullyAttended(x[0], x[1], x[2], n[0]));
        }
        of("Functional.scaledDotProductAttention(Tensor, Tensor, Tensor, boolean, double)", "attention").value(2, 2, 2, 3).value(2, 3, 1, 3)
                .value(2, 3, 1, 3)
                .real(0.5).slack(4).type(types -> types[0] == types[1] && types[1] == types[2] ? types[0] : null)
                .is((x, n) -> Functional.scaledDotProductAttention(x[0], x[1], x[2], true, n[0]), (x, n) -> attended(x[0], x[1], x[2], n[0]));
    }

    /** The logits of rows: {@code [rows, vocabulary]}. */
    private static Reference logits(Reference hidden, Reference head) {
        References.require(head.shape().length == 2 && hidden.shape().length > 0 && hidden.values().length > 0 && head.values().length > 0);
        int width = hidden.shape()[hidden.shape().length - 1];
        return References.matmul(hidden.reshape(hidden.values().length / width, width), References.transpose(head));
    }

    private static Reference crossEntropies(Reference logits, Reference labels) {
        int rows = logits.shape()[0];
        References.require(labels.values().length == rows);
        Reference logarithms = References.softmax(logits, 1, true);
        return Reference.generate(new int[] {rows}, at -> -logarithms.at(at[0], (int) labels.values()[at[0]]));
    }

    private static Reference meanOf(Reference rows) {
        return References.reduce(rows, false, References::mean);
    }

    private static DType scored(DType... types) {
        return Arrays.asList(types).contains(DType.F64) ? null : DType.F32;
    }

    private void crossEntropy() {
        String in = "Functional.crossEntropy";
        String[] names = {"linear cross-entropy", "logits", "crossEntropyRows", "gather"};
        of(in + "(FactoredLogits, Tensor)", names).value(2, 2, 3).value(3, 3).index(3, 2, 2).slack(2).type(FusedCases::scored)
                .is((x, n) -> Functional.crossEntropy(new FactoredLogits(x[0], x[1]), x[2]),
                        (x, n) -> meanOf(crossEntropies(logits(x[0], x[1]), x[2])));
        of(in + "(FactoredLogits, Tensor, long)", names).value(4, 3).value(3, 3).index(3, 4).whole(3).slack(2).type(FusedCases::scored)
                .is((x, n) -> Functional.crossEntropy(new FactoredLogits(x[0], x[1]), x[2], (long) n[0]), (x, n) -> {
                    References.require(n[0] >= 1);
                    return meanOf(crossEntropies(logits(x[0], x[1]), x[2]));
                });
        of(in + "Rows(FactoredLogits, Tensor)", names).value(4, 3).value(3, 3).index(3, 4).slack(2).notDifferentiable().type(FusedCases::scored)
                .is((x, n) -> Functional.crossEntropyRows(new FactoredLogits(x[0], x[1]), x[2]), (x, n) -> crossEntropies(logits(x[0], x[1]), x[2]));
    }

    /** Forward KL of each row at a temperature. */
    private static Reference divergences(Reference student, Reference teacher, double temperature) {
        References.require(Arrays.equals(student.shape(), teacher.shape()));
        Reference q = References.softmax(student.map(v -> v / temperature), 1, true);
        Reference p = References.softmax(teacher.map(v -> v / temperature), 1, true);
        return References.reduce(References.zip(p, q, (a, b) -> Math.exp(a) * (a - b)), false, References::sum, 1);
    }

    private static Reference distilled(Reference[] x) {
        Reference student = logits(x[0], x[1]);
        Reference divergence = divergences(student, logits(x[2], x[3]), OBJECTIVE.temperature());
        double weight = OBJECTIVE.crossEntropyWeight();
        double ofDivergence = (1 - weight) * OBJECTIVE.temperature() * OBJECTIVE.temperature();
        return meanOf(References.zip(divergence, crossEntropies(student, x[4]), (d, c) -> ofDivergence * d + weight * c));
    }

    private void klDivergence() {
        of("Functional.klDivergence(Tensor, Tensor)", "klDivergence").value(2, 3, 4).value(2, 3, 4).slack(4)
                .is((x, n) -> Functional.klDivergence(x[0], x[1]), (x, n) -> {
                    References.require(x[0].shape().length > 0 && Arrays.equals(x[0].shape(), x[1].shape()));
                    Reference terms = References.zip(x[0], x[1], (input, target) -> target == 0 ? 0 : target * (Math.log(target) - input));
                    return References.reduce(terms, false, References::sum).map(sum -> sum / x[0].shape()[0]);
                });
    }

    private OperationCase distilling(String method) {
        OperationCase added = of("Functional." + method, "linear distillation", "logits", "distillationRows", "crossEntropyRows", "gather")
                .value(2, 2, 3).value(3, 3).value(2, 2, 2).value(3, 2)
                .index(3, 2, 2).slack(4).type(FusedCases::scored);
        added.constants = 3;
        return added;
    }

    private static FactoredLogits student(Tensor[] x) {
        return new FactoredLogits(x[0], x[1]);
    }

    private static FactoredLogits teacher(Tensor[] x) {
        return new FactoredLogits(x[2], x[3]);
    }

    private void distillation() {
        distilling("distillationLoss(FactoredLogits, FactoredLogits, Tensor, DistillationObjective)")
                .is((x, n) -> Functional.distillationLoss(student(x), teacher(x), x[4], OBJECTIVE).loss(), (x, n) -> distilled(x));
        distilling("distillationLoss(FactoredLogits, FactoredLogits, Tensor, DistillationObjective)").notDifferentiable()
                .is((x, n) -> Functional.distillationLoss(student(x), teacher(x), x[4], OBJECTIVE).divergence(), (x, n) -> {
                    distilled(x);
                    return meanOf(divergences(logits(x[0], x[1]), logits(x[2], x[3]), OBJECTIVE.temperature()));
                });
        distilling("distillationLoss(FactoredLogits, FactoredLogits, Tensor, DistillationObjective, long)").whole(3)
                .is((x, n) -> Functional.distillationLoss(student(x), teacher(x), x[4], OBJECTIVE, (long) n[0]).loss(), (x, n) -> {
                    References.require(n[0] >= 1);
                    return distilled(x);
                });
        distilling("distillationScores(FactoredLogits, FactoredLogits, Tensor)").notDifferentiable()
                .is((x, n) -> {
                    var scores = Functional.distillationScores(student(x), teacher(x), x[4]);
                    return Tensor.stack(1, scores.divergences(), scores.studentCrossEntropies(), scores.teacherCrossEntropies(),
                            scores.agreements().cast(DType.F32));
                }, (x, n) -> {
                    Reference student = logits(x[0], x[1]);
                    Reference teacher = logits(x[2], x[3]);
                    Reference kl = divergences(student, teacher, 1);
                    Reference ofStudent = crossEntropies(student, x[4]);
                    Reference ofTeacher = crossEntropies(teacher, x[4]);
                    return Reference.generate(new int[] {student.shape()[0], 4}, at -> switch (at[1]) {
                        case 0 -> kl.at(at[0]);
                        case 1 -> ofStudent.at(at[0]);
                        case 2 -> ofTeacher.at(at[0]);
                        default -> likeliest(student, at[0]) == likeliest(teacher, at[0]) ? 1 : 0;
                    });
                });
    }

    private OperationCase distillingSparsely(String method) {
        return of("Functional." + method, "linear sparse distillation", "logits", "sparse distribution", "sparseDistillationRows", "gather")
                .value(2, 2, 3).value(3, 3).index(3, 2, 2).slack(4).type(FusedCases::scored);
    }

    /** Of four rows: a token and the rest, two tokens and the rest, all tokens, and a sample with a placeholder. */
    private static SparseDistribution part() {
        return new SparseDistribution(Tensor.of(new long[] {1, 0, 2, 0, 0, 1, 2, 2}, 4, 2),
                Tensor.of(new float[] {0.5f, 0, 0.25f, 0.5f, 0.5f, 0.5f, 1, 0}, 4, 2), Tensor.of(new float[] {0.5f, 0.25f, 0, 0}, 4),
                Tensor.of(new float[] {0.1f, 0.2f, 0.3f, 0.4f}, 4));
    }

    private static Reference distilledSparsely(Reference[] x) {
        Reference student = logits(x[0], x[1]);
        References.require(student.shape()[0] == 4 && student.shape()[1] >= 3);
        Reference q = References.softmax(student.map(v -> v / OBJECTIVE.temperature()), 1, true);
        int vocabulary = student.shape()[1];
        Reference divergence = Reference.generate(new int[] {4}, at -> switch (at[0]) {
            case 0 -> -0.5 * q.at(0, 1) - 0.5 * logOfOthers(q, 0, vocabulary, 1) - 0.1f;
            case 1 -> -0.25 * q.at(1, 2) - 0.5 * q.at(1, 0) - 0.25 * logOfOthers(q, 1, vocabulary, 2, 0) - 0.2f;
            case 2 -> -0.5 * q.at(2, 0) - 0.5 * q.at(2, 1) - 0.3f;
            default -> -q.at(3, 2) - 0.4f;
        });
        double weight = OBJECTIVE.crossEntropyWeight();
        double ofDivergence = (1 - weight) * OBJECTIVE.temperature() * OBJECTIVE.temperature();
        return meanOf(References.zip(divergence, crossEntropies(student, x[2]), (d, c) -> ofDivergence * d + weight * c));
    }

    private static double logOfOthers(Reference logarithms, int row, int vocabulary, int... known) {
        return Math.log(IntStream.range(0, vocabulary).filter(i -> Arrays.stream(known).noneMatch(k -> k == i))
                .mapToDouble(i -> Math.exp(logarithms.at(row, i))).sum());
    }

    private void sparseDistillation() {
        String in = "sparseDistillationLoss(FactoredLogits, SparseDistribution, Tensor, DistillationObjective";
        distillingSparsely(in + ")").is((x, n) -> Functional.sparseDistillationLoss(student(x), part(), x[2], OBJECTIVE).loss(),
                (x, n) -> distilledSparsely(x));
        distillingSparsely(in + ", long)").whole(3)
                .is((x, n) -> Functional.sparseDistillationLoss(student(x), part(), x[2], OBJECTIVE, (long) n[0]).loss(), (x, n) -> {
                    References.require(n[0] >= 1);
                    return distilledSparsely(x);
                });
    }

    private static int likeliest(Reference logits, int row) {
        int best = 0;
        for (int i = 1; i < logits.shape()[1]; i++) {
            best = logits.at(row, i) > logits.at(row, best) ? i : best;
        }
        return best;
    }
}
