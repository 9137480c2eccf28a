package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.nn.Activation;
import kept.nn.Attention;
import kept.nn.Embedding;
import kept.nn.GatedFeedForward;
import kept.nn.KeyValues;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.PlainFeedForward;
import kept.nn.RmsNorm;
import kept.nn.RopeScaling;
import kept.nn.RotaryEmbedding;
import kept.nn.SwiGlu;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Layers of {@code kept.nn}, made of the operands after the first; their gradients go to parameters and are tested where those are. */
final class LayerCases {
    private final List<OperationCase> cases = new ArrayList<>();

    private LayerCases() {}

    static List<OperationCase> all() {
        var table = new LayerCases();
        table.maps();
        table.norms();
        table.blocks();
        return table.cases;
    }

    private OperationCase of(String method, String... names) {
        String[] all = Arrays.copyOf(names, names.length + 2);
        all[names.length] = "layer";
        all[names.length + 1] = "parameter";
        var added = new OperationCase(method, all).notDifferentiable();
        added.takesStrides = false;
        cases.add(added);
        return added;
    }

    private static Reference mapped(Reference x, Reference weight) {
        boolean row = x.shape().length == 1;
        Reference product = References.matmul(row ? x.reshape(1, x.values().length) : x, References.transpose(weight));
        return row ? product.reshape(product.shape()[1]) : product;
    }

    private void maps() {
        of("Linear.forward(Tensor)", "linear", "add").value(2, 3).value(4, 3).value(4)
                .is((x, n) -> new Linear(x[1], x[2] == null ? refused() : x[2]).forward(x[0]), (x, n) -> {
                    References.require(x[1].shape().length == 2 && x[2].shape().length == 1 && x[2].shape()[0] == x[1].shape()[0]);
                    return References.zip(mapped(x[0], x[1]), x[2], Double::sum);
                });
        of("Linear.forward(Tensor)", "linear").value(2, 2, 3).value(4, 3).is((x, n) -> new Linear(x[1], null).forward(x[0]), (x, n) -> {
            References.require(x[1].shape().length == 2);
            return mapped(x[0], x[1]);
        });
        of("Embedding.forward(Tensor)", "embedding").value(3, 4).index(3, 2, 2).is((x, n) -> new Embedding(x[0]).forward(x[1]), (x, n) -> {
            References.require(x[0].shape().length == 2);
            int[] shape = Arrays.copyOf(x[1].shape(), x[1].shape().length + 1);
            shape[shape.length - 1] = x[0].shape()[1];
            return Reference.generate(shape, at -> x[0].at((int) x[1].at(Arrays.copyOf(at, at.length - 1)), at[at.length - 1]));
        });
    }

    private static Reference relu(Reference x) {
        return References.zip(x, x, (one, _) -> Math.max(0, one));
    }

    /** A bias that is null is none. */
    private static Tensor refused() {
        return new Linear((Tensor) null, null).weight().value();
    }

    private void norms() {
        String[] names = {"norm", "rms norm", "layer norm", "add"};
        of("Norm.forward(Tensor)", names).value(3, 4).value(4).real(0.5).type(types -> types[0])
                .is((x, n) -> new RmsNorm(x[1], n[0]).forward(x[0]), (x, n) -> FusedCases.rmsNorm(x[0], x[1], n[0]));
        of("RmsNorm.forward(Tensor, DType)", names).value(3, 4).value(4).real(0.5).type(LayerCases::roundedToBf16)
                .is((x, n) -> new RmsNorm(x[1], n[0]).forward(x[0], DType.BF16), (x, n) -> FusedCases.rmsNorm(x[0], x[1], n[0]));
        of("LayerNorm.forward(Tensor, DType)", names).value(3, 4).value(4).value(4).real(0.5).type(LayerCases::roundedToBf16)
                .is((x, n) -> new LayerNorm(x[1], x[2], n[0]).forward(x[0], DType.BF16), (x, n) -> FusedCases.layerNorm(x[0], x[1], x[2], n[0]));
        of("RmsNorm.addAndForward(Tensor, Tensor, DType)", names).value(3, 4).value(3, 4).value(4).real(0.5)
                .type(types -> roundedToBf16(OperationCase.promoted(types[0], types[1])))
                .is((x, n) -> new RmsNorm(x[2], n[0]).addAndForward(x[0], x[1], DType.BF16).normalized(),
                        (x, n) -> FusedCases.rmsNorm(References.zip(x[0], x[1], Double::sum), x[2], n[0]));
        of("LayerNorm.addAndForward(Tensor, Tensor, DType)", names).value(3, 4).value(3, 4).value(4).value(4).real(0.5)
                .type(types -> roundedToBf16(OperationCase.promoted(types[0], types[1])))
                .is((x, n) -> new LayerNorm(x[2], x[3], n[0]).addAndForward(x[0], x[1], DType.BF16).normalized(),
                        (x, n) -> FusedCases.layerNorm(References.zip(x[0], x[1], Double::sum), x[2], x[3], n[0]));
    }

    private void blocks() {
        String[] names = {"swiglu", "linear", "gated projection"};
        of("FeedForward.activations(Tensor)", names).value(3, 2).value(4, 2).value(4, 2)
                .is((x, n) -> new SwiGlu(new Linear(x[1], null), new Linear(x[2], null), new Linear(Tensor.ones(2, 4), null)).activations(x[0]),
                        (x, n) -> FusedCases.swiGlu(mapped(x[0], x[1]), mapped(x[0], x[2])));
        of("FeedForward.forward(Tensor)", names).value(3, 2).value(4, 2).value(4, 2).value(2, 4).slack(2)
                .is((x, n) -> new SwiGlu(new Linear(x[1], null), new Linear(x[2], null), new Linear(x[3], null)).forward(x[0]),
                        (x, n) -> mapped(FusedCases.swiGlu(mapped(x[0], x[1]), mapped(x[0], x[2])), x[3]));
        of("FeedForward.forward(Tensor)", "feed-forward", "linear", "relu", "multiply").value(3, 2).value(4, 2).value(4, 2).value(2, 4).slack(2)
                .is((x, n) -> new GatedFeedForward(Activation.RELU, new Linear(x[1], null), new Linear(x[2], null), new Linear(x[3], null))
                        .forward(x[0]),
                        (x, n) -> mapped(References.zip(relu(mapped(x[0], x[1])), mapped(x[0], x[2]), (gate, up) -> gate * up), x[3]));
        of("FeedForward.forward(Tensor)", "feed-forward", "linear", "relu").value(3, 2).value(4, 2).value(2, 4).slack(2)
                .is((x, n) -> new PlainFeedForward(Activation.RELU, "up", new Linear(x[1], null), "down", new Linear(x[2], null)).forward(x[0]),
                        (x, n) -> mapped(relu(mapped(x[0], x[1])), x[2]));
        of("FeedForward.activations(Tensor)", "feed-forward", "linear", "relu").value(3, 2).value(4, 2)
                .is((x, n) -> new PlainFeedForward(Activation.RELU, "up", new Linear(x[1], null), "down", new Linear(Tensor.ones(2, 4), null))
                        .activations(x[0]), (x, n) -> relu(mapped(x[0], x[1])));
        of("SwiGlu.project(Tensor, Tensor)", names).value(3, 4).value(3, 4).value(2, 4)
                .is((x, n) -> new SwiGlu(new Linear(Tensor.ones(4, 2), null), new Linear(Tensor.ones(4, 2), null), new Linear(x[2], null))
                        .project(x[0], x[1]), (x, n) -> mapped(FusedCases.swiGlu(x[0], x[1]), x[2]));
        for (String method : new String[] {"forward(Tensor, Angles, KeyValues)", "next(Tensor, Angles, List)"}) {
            boolean next = method.startsWith("next");
            of("Attention." + method, "attention", "linear", "rotary positions", "concat").value(2, next ? 1 : 3, 4).value(4, 4).value(2, 4)
                    .value(2, 4)
                    .value(4, 4).slack(8).type(OperationCase::promoted)
                    .is((x, n) -> attention(x, next), (x, n) -> attended(x, next));
        }
    }

    /** Two heads of two features over one group, at positions that begin with 0. */
    private static Tensor attention(Tensor[] x, boolean next) {
        var layer = new Attention(new Linear(x[1], null), new Linear(x[2], null), new Linear(x[3], null), new Linear(x[4], null), 2, 1, 2);
        try (var rotary = new RotaryEmbedding(2, 10_000, new RopeScaling.None(), 100)) {
            long length = x[0] == null || x[0].rank() < 2 ? 1 : x[0].size(next ? 0 : 1);
            if (!next) {
                return layer.forward(x[0], rotary.angles(0, length), null);
            }
            // Each sequence is at its first position, whose rotation is none.
            RotaryEmbedding.Angles first = rotary.angles(0, 1);
            var angles = new RotaryEmbedding.Angles(first.cos().expand(length, 1).copy(), first.sin().expand(length, 1).copy());
            List<KeyValues> pasts = new ArrayList<>();
            for (long i = 0; i < length; i++) {
                pasts.add(KeyValues.Pair::new);
            }
            return layer.next(x[0], angles, pasts);
        }
    }

    private static Reference attended(Reference[] x, boolean next) {
        References.require(x[0].shape().length == 3 && x[0].shape()[2] == 4 && Arrays.equals(x[4].shape(), new int[] {x[4].shape()[0], 4}));
        int batch = x[0].shape()[0];
        int sequence = x[0].shape()[1];
        References.require(!next || sequence == 1);
        Reference angles = Reference.generate(new int[] {sequence, 1}, at -> at[0]);
        Reference q = FusedCases.rotated(References.reshape(mapped(x[0], x[1]), batch, sequence, 2, 2), angles.map(Math::cos), angles.map(Math::sin));
        Reference k = FusedCases.rotated(References.reshape(mapped(x[0], x[2]), batch, sequence, 1, 2), angles.map(Math::cos), angles.map(Math::sin));
        Reference v = References.reshape(mapped(x[0], x[3]), batch, sequence, 1, 2);
        return mapped(FusedCases.attended(q, k, v, 1 / Math.sqrt(2)).reshape(batch, sequence, 4), x[4]);
    }

    private static DType roundedToBf16(DType... types) {
        return types[0] == DType.F32 || types[0] == DType.BF16 ? DType.BF16 : null;
    }
}
