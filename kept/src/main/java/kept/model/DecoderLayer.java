package kept.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.autograd.Autograd;
import kept.autograd.NormalizedSum;
import kept.nn.Attention;
import kept.nn.FeedForward;
import kept.nn.KeyValues;
import kept.nn.Layer;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.RotaryEmbedding;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * One pre-norm transformer block: {@code h = x + attention(norm1(x))}, then {@code h + mlp(norm2(h))}. The residual stream is F32; a branch is
 * computed in the dtype the device uses for products with its matrices ({@link kept.backend.Backend#productType}).
 */
final class DecoderLayer extends Layer {
    /** Number of rows for which the MLP is computed at a time without recording; large enough for efficient products. */
    private static final int PIECE = 4096;

    private final Architecture architecture;
    private final int index;
    private final String inputNormName;
    private final String postAttentionNormName;
    private final Norm inputNorm;
    private final Attention attention;
    private final Norm postAttentionNorm;
    private final FeedForward mlp;
    private final DType activations;

    DecoderLayer(Architecture architecture, int index, Norm inputNorm, Attention attention, Norm postAttentionNorm, FeedForward mlp) {
        this.architecture = architecture;
        this.index = index;
        inputNormName = new TensorName(TensorRole.INPUT_NORM_WEIGHT, index).module();
        postAttentionNormName = new TensorName(TensorRole.POST_ATTENTION_NORM_WEIGHT, index).module();
        this.inputNorm = register("input_layernorm", inputNorm);
        this.attention = register("self_attn", attention);
        this.postAttentionNorm = register("post_attention_layernorm", postAttentionNorm);
        this.mlp = register("mlp", mlp);
        activations = attention.inputProjections().getFirst().inputType();
    }

    /** Normalises the residual stream and converts it to the dtype of the branch's matrix products. */
    private Tensor entering(Norm norm, Tensor stream) {
        return norm.forward(stream, activations);
    }

    /** The two norms with what reads them. */
    List<NormSite> norms() {
        return List.of(new NormSite(inputNormName, inputNorm, attention.inputProjections()),
                new NormSite(postAttentionNormName, postAttentionNorm, mlp.inputProjections()));
    }

    /** The projections by the names of their weights, in the order of the forward pass. */
    SequencedMap<String, Linear> projections() {
        SequencedMap<String, Linear> projections = new LinkedHashMap<>();
        put(projections, TensorRole.QUERY, attention.inputProjections().get(0));
        put(projections, TensorRole.KEY, attention.inputProjections().get(1));
        put(projections, TensorRole.VALUE, attention.inputProjections().get(2));
        put(projections, TensorRole.ATTENTION_OUTPUT, attention.writer());
        if (architecture.isGated()) {
            put(projections, TensorRole.GATE, mlp.inputProjections().getFirst());
        }
        put(projections, TensorRole.UP, mlp.inputProjections().getLast());
        put(projections, TensorRole.DOWN, mlp.writer());
        return projections;
    }

    private void put(SequencedMap<String, Linear> projections, TensorRole role, Linear projection) {
        projections.put(architecture.name(new TensorName(role, index)), projection);
    }

    /**
     * @param x the residual stream {@code [batch, sequence, hidden]}
     * @return the residual stream after the block, of x's shape
     */
    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, KeyValues past, StreamObserver observer) {
        observer.observe(inputNormName, x);
        Tensor branch = attention.forward(entering(inputNorm, x), angles, past);
        if (Autograd.isRecording() || x.size(0) * x.size(1) <= PIECE) {
            NormalizedSum h = sumEntering(postAttentionNorm, x, branch);
            observer.observe(postAttentionNormName, h.sum());
            List<Tensor> projected = mlp.projectInput(h.normalized());
            return Autograd.segmentResult(() -> sum(h.sum(), mlp.project(projected)));
        }
        Tensor h = sum(x, branch);
        observer.observe(postAttentionNormName, h);
        return addMlp(h);
    }

    /** Adds the MLP's output to the residual stream in place, chunk by chunk, because for a long text its activations would dominate memory. */
    private Tensor addMlp(Tensor stream) {
        Tensor rows = stream.reshape(stream.size(0) * stream.size(1), stream.size(2));
        for (Span piece : Span.divide(0, rows.size(0), PIECE)) {
            try (var _ = Scope.open(stream.device())) {
                Tensor some = rows.slice(0, piece.from(), piece.to());
                some.addInPlace(mlp.forward(entering(postAttentionNorm, some)));
            }
        }
        return stream;
    }

    /**
     * A residual stream to which a branch is still to be added, so that the next norm adds it.
     *
     * @param stream the sum of the earlier branches, {@code [sequences, 1, hidden]}
     * @param branch the last branch, of the same shape; null before the first layer
     */
    record Pending(Tensor stream, Tensor branch) {}

    /**
     * Applies the block to one position of each of several sequences.
     *
     * @param in the residual stream {@code [sequences, 1, hidden]} with the MLP's branch of the layer before
     * @param angles the angles of each sequence's position
     * @param pasts the keys and values of each sequence in this layer
     * @return the residual stream after attention with this layer's MLP's branch
     */
    Pending next(Pending in, RotaryEmbedding.Angles angles, List<KeyValues> pasts) {
        NormalizedSum x = in.branch() == null ? new NormalizedSum(in.stream(), entering(inputNorm, in.stream()))
                : sumEntering(inputNorm, in.stream(), in.branch());
        NormalizedSum h = sumEntering(postAttentionNorm, x.sum(), attention.next(x.normalized(), angles, pasts));
        return new Pending(h.sum(), mlp.forward(h.normalized()));
    }

    /** Adds a branch to the residual stream like {@link #sum} and normalises the sum like {@link #entering}. */
    private NormalizedSum sumEntering(Norm norm, Tensor stream, Tensor branch) {
        NormalizedSum sum = norm.addAndForward(stream, branch, activations);
        Scope.current().release(branch);
        return sum;
    }

    /** Adds a branch to the residual stream and frees the branch, which no gradient needs. */
    private static Tensor sum(Tensor stream, Tensor branch) {
        Tensor sum = stream.add(branch);
        Scope.current().release(branch);
        return sum;
    }
}
