package kept.model;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.nn.Embedding;
import kept.nn.KeyValues;
import kept.nn.Layer;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.Parameter;
import kept.nn.RotaryEmbedding;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The graph that Orion and Llama share: embedding, pre-norm blocks of causal grouped-query attention and SwiGLU with rotary positions, a final norm
 * and the language-model head. Which norm it is, is the only difference, and a subclass's to say. Parameters carry their names in checkpoints.
 *
 * <p>The stream is f32 whatever the parameters are stored in. Shapes: ids {@code [batch, sequence]}, stream {@code [batch, sequence, hidden]},
 * logits {@code [batch, sequence, vocabulary]}. The decoder
 * owns its
 * parameters until it is closed.
 */
public abstract sealed class Decoder extends Layer implements AutoCloseable permits OrionModel, LlamaModel {
    /** Makes the norm whose weight has a given name. */
    @FunctionalInterface
    interface NormFactory {
        Norm create(TensorName weight, DecoderConfig config, Weights weights);
    }

    /** Tokens of a piece of a long text: many enough that packing all keys for them is little beside attending to them. */
    private static final int PIECE = 4096;
    private static final TensorName FINAL_NORM = TensorName.of(TensorRole.FINAL_NORM_WEIGHT);
    /** How many sequences {@link #nextLogits(int[], List)} takes with the bits that each has alone. */
    public static final int SAME_BITS_SEQUENCES = 4;

    private final DecoderConfig config;
    private final Scope scope;
    private final Embedding embedding;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private final Norm norm;
    private final Parameter head;
    private final RotaryEmbedding rotary;
    private boolean activationCheckpointing;

    /**
     * Builds the graph.
     *
     * @param config the sizes
     * @param weights the parameters' values
     * @param norms the norm of the architecture
     * @param scope owns the parameters; closed with the model
     */
    Decoder(DecoderConfig config, Weights weights, NormFactory norms, Scope scope) {
        this.config = config;
        this.scope = scope;
        TensorName embeddingName = TensorName.of(TensorRole.EMBEDDING);
        embedding = register(embeddingName.module(), new Embedding(DecoderParts.parameter(embeddingName, config, weights)));
        for (int i = 0; i < config.layers(); i++) {
            layers.add(register(TensorName.ofLayer(i), layer(i, norms, weights)));
        }
        norm = register(FINAL_NORM.module(), norms.create(FINAL_NORM, config, weights));
        TensorName headName = TensorName.of(TensorRole.HEAD);
        head = config.tieWordEmbeddings()
                ? embedding.weight()
                : register(headName.module(), new Linear(DecoderParts.parameter(headName, config, weights), null)).weight();
        rotary = new RotaryEmbedding(config.headDimension(), config.ropeTheta(), config.ropeScaling(), config.maxPositions());
    }

    private DecoderLayer layer(int layer, NormFactory norms, Weights weights) {
        return new DecoderLayer(
                layer,
                norms.create(new TensorName(TensorRole.INPUT_NORM_WEIGHT, layer), config, weights),
                DecoderParts.attention(layer, config, weights),
                norms.create(new TensorName(TensorRole.POST_ATTENTION_NORM_WEIGHT, layer), config, weights),
                DecoderParts.mlp(layer, config, weights));
    }

    /**
     * Builds the model of a configuration's architecture.
     *
     * @param config the sizes
     * @param weights the parameters' values
     * @param device where the parameters live
     * @return an {@link OrionModel} or a {@link LlamaModel}
     */
    public static Decoder create(DecoderConfig config, Weights weights, Device device) {
        Scope scope = Scope.detached(device);
        try {
            return scope.run(() -> switch (config.architecture()) {
                case ORION -> new OrionModel(config, weights, scope);
                case LLAMA -> new LlamaModel(config, weights, scope);
            });
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /**
     * The sizes and constants of the model.
     *
     * @return the configuration
     */
    public DecoderConfig config() {
        return config;
    }

    /**
     * Where the parameters live.
     *
     * @return the device
     */
    public Device device() {
        return scope.device();
    }

    /**
     * The weight of the language-model head; the embedding's where they are tied.
     *
     * @return {@code [vocabulary, hidden]}
     */
    public Tensor headWeight() {
        return head.value();
    }

    /**
     * The norms with what reads them.
     *
     * @return two for each layer, before attention and before the MLP, and the final one, in the order of the graph
     */
    public List<NormSite> norms() {
        List<NormSite> sites = new ArrayList<>();
        layers.forEach(layer -> sites.addAll(layer.norms()));
        sites.add(new NormSite(FINAL_NORM.module(), norm, List.of(new Linear(head.value(), null))));
        return sites;
    }

    /**
     * The stream that enters the first layer.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return {@code [batch, sequence, hidden]}, F32
     * @throws ShapeException if ids has not two axes, or the sequence exceeds the model's positions
     */
    public Tensor embed(Tensor ids) {
        checkedEnd(ids, null);
        return embedding.forward(ids).cast(DType.F32);
    }

    /**
     * One layer alone, for a caller that goes through the layers of {@link #hidden(Tensor)} by itself; the bits are the same. Without recording, the
     * stream that is given is freed where the current scope owns it.
     *
     * @param layer which, from 0
     * @param stream of a sequence that stands by itself, {@code [batch, sequence, hidden]}, F32
     * @param observer is shown the stream that enters each of the layer's norms
     * @return the stream after the layer, of the same shape
     */
    public Tensor throughLayer(int layer, Tensor stream, StreamObserver observer) {
        return layer(layer, stream, rotary.angles(0, stream.size(1), stream.size(1)), null, observer);
    }

    /**
     * The hidden states that the head turns into logits.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return the final norm's output {@code [batch, sequence, hidden]}
     */
    public Tensor hidden(Tensor ids) {
        return hidden(ids, null, StreamObserver.NONE);
    }

    /**
     * The hidden states of tokens that follow those in a cache.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call; null for a sequence that stands by itself
     * @param observer is shown the stream that enters each norm
     * @return the final norm's output {@code [batch, sequence, hidden]}
     * @throws ShapeException if ids has not two axes, or the sequence exceeds the model's positions
     */
    public Tensor hidden(Tensor ids, KeyValueCache cache, StreamObserver observer) {
        return hidden(ids, cache, observer, checkedEnd(ids, cache));
    }

    /** The position after the last. */
    private long checkedEnd(Tensor ids, KeyValueCache cache) {
        if (ids.rank() != 2) {
            throw new ShapeException("[decoder] ids must be [batch, sequence], not " + ids.shape());
        }
        long end = (cache == null ? 0 : cache.length()) + ids.size(1);
        if (end > config.maxPositions()) {
            throw new ShapeException("[decoder] %d positions exceed the model's %d (max_position_embeddings)".formatted(end, config.maxPositions()));
        }
        return end;
    }

    /** Hidden states of tokens that may be followed by others of the same text, up to a position. */
    private Tensor hidden(Tensor ids, KeyValueCache cache, StreamObserver observer, long textEnd) {
        RotaryEmbedding.Angles angles = rotary.angles(cache == null ? 0 : cache.length(), ids.size(1), textEnd);
        Tensor stream = embedding.forward(ids).cast(DType.F32);
        for (int i = 0; i < layers.size(); i++) {
            stream = layer(i, stream, angles, cache, observer);
        }
        observer.observe(FINAL_NORM.module(), stream);
        return norm.forward(stream);
    }

    /**
     * The hidden states of the last tokens of a text that follows what is in a cache. A long text is read piece by piece, so that besides the cache
     * memory holds the activations of a piece; the result has the bits of {@link #hidden(Tensor, KeyValueCache, StreamObserver)}. Not recorded.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @param first from which of these tokens on the result is wanted
     * @return the final norm's output {@code [batch, sequence - first, hidden]}
     * @throws ShapeException if ids has not two axes, or the sequence exceeds the model's positions
     */
    public Tensor read(Tensor ids, KeyValueCache cache, long first) {
        return read(ids, cache, first, PIECE);
    }

    /**
     * {@link #read(Tensor, KeyValueCache, long)} in pieces of a given length.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @param first from which of these tokens on the result is wanted
     * @param longestPiece the most tokens of a piece
     * @return the final norm's output {@code [batch, sequence - first, hidden]}
     * @throws ShapeException if ids has not two axes, or the sequence exceeds the model's positions
     */
    public Tensor read(Tensor ids, KeyValueCache cache, long first, int longestPiece) {
        long end = checkedEnd(ids, cache);
        return Autograd.withoutRecording(() -> {
            List<Tensor> wanted = new ArrayList<>();
            for (Span piece : Span.divide(0, ids.size(1), longestPiece)) {
                try (var inner = Scope.open(device())) {
                    Tensor hidden = hidden(ids.slice(1, piece.from(), piece.to()).contiguous(), cache, StreamObserver.NONE, end);
                    if (piece.to() > first) {
                        wanted.add(inner.keep(hidden.slice(1, Math.max(0, first - piece.from()), hidden.size(1))));
                    }
                }
            }
            return wanted.size() == 1 ? wanted.getFirst() : Tensor.concat(1, wanted.toArray(Tensor[]::new));
        });
    }

    /**
     * Chooses whether a recorded forward pass keeps all that the backward pass needs, or only the stream that enters each layer, whose layer is then
     * computed once more. Gradients have the same bits either way.
     *
     * @param wanted true to compute again; at first false
     * @see Autograd#checkpoint
     */
    public void setActivationCheckpointing(boolean wanted) {
        activationCheckpointing = wanted;
    }

    /** One layer; without recording, all that it makes is freed but its result. */
    private Tensor layer(int i, Tensor stream, RotaryEmbedding.Angles angles, KeyValueCache cache, StreamObserver observer) {
        var past = cache == null ? null : cache.layer(i);
        if (Autograd.isRecording()) {
            if (activationCheckpointing && past == null && observer == StreamObserver.NONE) {
                return Autograd.checkpoint(x -> layers.get(i).forward(x, angles, null, observer), stream);
            }
            return layers.get(i).forward(stream, angles, past, observer);
        }
        Scope outer = Scope.current();
        try (var inner = Scope.open(device())) {
            Tensor next = inner.keep(layers.get(i).forward(stream, angles, past, observer));
            outer.release(stream);
            return next;
        }
    }

    /**
     * The logits of each next token.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return {@code [batch, sequence, vocabulary]}
     */
    public Tensor logits(Tensor ids) {
        return hidden(ids).linear(head.value());
    }

    /**
     * The logits of the token that follows the last one given; a long text is {@linkplain #read read} piece by piece. Not recorded.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @return {@code [batch, vocabulary]}
     */
    public Tensor nextLogits(Tensor ids, KeyValueCache cache) {
        return Autograd.withoutRecording(() -> read(ids, cache, ids.size(1) - 1).select(1, 0).linear(head.value()));
    }

    /**
     * The logits of the tokens that follow one more token of each of several sequences, whose lengths may differ. Each sequence's logits have the
     * bits it has alone, as long as there are at most {@link #SAME_BITS_SEQUENCES}: more rows go through products that add in another order.
     *
     * @param ids the next token of each sequence
     * @param caches the keys and values of each sequence so far, of a batch of one each, extended by this call
     * @return {@code [sequences, vocabulary]}
     * @throws ShapeException if a sequence exceeds the model's positions
     */
    public Tensor nextLogits(int[] ids, List<KeyValueCache> caches) {
        Tensor stream = embedding.forward(Tensor.of(ids, ids.length, 1)).cast(DType.F32);
        RotaryEmbedding.Angles angles = RotaryEmbedding.Angles.concat(caches.stream().map(cache -> rotary.angles(cache.length(), 1)).toList());
        for (int i = 0; i < layers.size(); i++) {
            int layer = i;
            List<KeyValues> pasts = caches.stream().map(cache -> cache.layer(layer)).toList();
            Scope outer = Scope.current();
            try (var inner = Scope.open(device())) {
                Tensor next = inner.keep(layers.get(i).next(stream, angles, pasts));
                outer.release(stream);
                stream = next;
            }
        }
        return norm.forward(stream).squeeze(1).linear(head.value());
    }

    /** Frees the parameters. */
    @Override
    public void close() {
        rotary.close();
        scope.close();
    }
}
