package kept.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
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
import kept.tensor.TensorException;

/**
 * The decoder that all architectures share: embedding, pre-norm blocks of causal grouped-query attention with rotary positions and of an MLP, a final
 * norm and the language-model head. {@link DecoderParts} makes the norms and the MLP of the architecture. Parameters have the names used in
 * checkpoints.
 *
 * <p>The residual stream is f32 for any dtype of the parameters. Shapes: ids {@code [batch, sequence]}, residual stream
 * {@code [batch, sequence, hidden]}, logits {@code [batch, sequence, vocabulary]}. The decoder owns its parameters until it is closed.
 */
public final class Decoder extends Layer implements AutoCloseable {
    /** Tokens per chunk of a long text: so many that packing all keys for each chunk costs little compared with attention. */
    private static final int CHUNK = 4096;
    private static final TensorName FINAL_NORM = TensorName.of(TensorRole.FINAL_NORM_WEIGHT);
    /**
     * Largest batch for which {@link #nextLogits(int[], List)} gives every sequence logits that are bit-identical to running it alone, on a device
     * that {@linkplain kept.backend.Backend#keepsBitsOfRows keeps the bits of rows}, as the CPU does.
     */
    public static final int BIT_IDENTICAL_BATCH = 4;

    private final DecoderConfig config;
    private final Scope scope;
    private final Embedding embedding;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private final Norm norm;
    /** The weight of the head; null if it is in blocks. */
    private final Parameter head;
    /** The head whose weight is in blocks; null if it is a parameter. */
    private final Linear blockHead;
    private final RotaryEmbedding rotary;
    private boolean activationCheckpointing;

    /**
     * Builds the model.
     *
     * @param config the sizes
     * @param weights the parameters' values
     * @param adapters low-rank adapters of projections; null for none
     * @param scope owns the parameters; closed with the model
     */
    private Decoder(DecoderConfig config, Weights weights, Lora adapters, Scope scope) {
        this.config = config;
        this.scope = scope;
        TensorName embeddingName = TensorName.of(TensorRole.EMBEDDING);
        embedding = register(embeddingName.module(), new Embedding(DecoderParts.parameter(embeddingName, config, weights)));
        for (int i = 0; i < config.layers(); i++) {
            layers.add(register(TensorName.ofLayer(i), layer(i, weights, adapters)));
        }
        norm = register(FINAL_NORM.module(), DecoderParts.norm(FINAL_NORM, config, weights));
        TensorName headName = TensorName.of(TensorRole.HEAD);
        // The blocks of a tied head are those of the embedding, which stays beside them as it is.
        blockHead = weights.blocks((config.tieWordEmbeddings() ? embeddingName : headName).toString(), ModelTensor.shape(TensorRole.HEAD, config))
                .map(blocks -> new Linear(blocks, null)).orElse(null);
        head = blockHead != null ? null
                : config.tieWordEmbeddings() ? embedding.weight()
                : register(headName.module(), new Linear(DecoderParts.parameter(headName, config, weights), null)).weight();
        rotary = new RotaryEmbedding(config.rotaryDimension(), config.ropeTheta(), config.ropeScaling(), config.maxPositions());
    }

    private DecoderLayer layer(int layer, Weights weights, Lora adapters) {
        return new DecoderLayer(
                config.architecture(), layer,
                DecoderParts.norm(new TensorName(TensorRole.INPUT_NORM_WEIGHT, layer), config, weights),
                DecoderParts.attention(layer, config, weights, adapters),
                DecoderParts.norm(new TensorName(TensorRole.POST_ATTENTION_NORM_WEIGHT, layer), config, weights),
                DecoderParts.mlp(layer, config, weights, adapters));
    }

    /**
     * Creates the model of a configuration's architecture.
     *
     * @param config the sizes
     * @param weights the parameters' values
     * @param device the device for the parameters
     * @return the model
     */
    public static Decoder create(DecoderConfig config, Weights weights, Device device) {
        return create(config, weights, null, device);
    }

    /**
     * Creates the model of a configuration's architecture with low-rank adapters, whose factors are parameters with names of {@link AdapterName}.
     *
     * @param config the sizes
     * @param weights the values of the parameters and of the adapters ({@link AdaptedWeights})
     * @param adapters which projections have one; null for none
     * @param device the device for the parameters
     * @return the model
     */
    public static Decoder create(DecoderConfig config, Weights weights, Lora adapters, Device device) {
        Scope scope = Scope.detached(device);
        try {
            return scope.run(() -> new Decoder(config, weights, adapters, scope));
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /**
     * The configuration of the model.
     *
     * @return the configuration
     */
    public DecoderConfig config() {
        return config;
    }

    /**
     * The device of the parameters.
     *
     * @return the device
     */
    public Device device() {
        return scope.device();
    }

    /**
     * The weight of the language-model head {@code [vocabulary, hidden]}; the embedding's if they are tied.
     *
     * @return {@code [vocabulary, hidden]}
     * @throws TensorException if it is in blocks
     */
    public Tensor headWeight() {
        return blockHead != null ? blockHead.weight().value() : head.value();
    }

    /**
     * Returns each norm with the projections that read its output.
     *
     * @return two for each layer, before attention and before the MLP, and the final norm, in the order of the forward pass
     */
    public List<NormSite> norms() {
        List<NormSite> sites = new ArrayList<>();
        layers.forEach(layer -> sites.addAll(layer.norms()));
        sites.add(new NormSite(FINAL_NORM.module(), norm, List.of(blockHead != null ? blockHead : new Linear(head.value(), null))));
        return sites;
    }

    /**
     * Returns the projections of the layers.
     *
     * @return for each layer those of attention and of the MLP by the names of their weights, in the order of the forward pass
     */
    public SequencedMap<String, Linear> projections() {
        SequencedMap<String, Linear> projections = new LinkedHashMap<>();
        layers.forEach(layer -> projections.putAll(layer.projections()));
        return projections;
    }

    /**
     * Sets whether adapted projections compute with merged weights ({@link Linear#setMerging}), as the model does that a checkpoint of merged weights
     * gives. Gradients of adapters are not recorded then.
     *
     * @param type the type of the merged weights; null, as it is initially, to apply adapters beside the weights
     */
    public void setAdapterMerging(DType type) {
        projections().values().forEach(projection -> projection.setMerging(type));
    }

    /**
     * Returns the residual stream before the first layer.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return {@code [batch, sequence, hidden]}, F32
     * @throws ShapeException if ids does not have two dimensions, or the sequence exceeds the model's positions
     */
    public Tensor embed(Tensor ids) {
        checkedEnd(ids, null);
        return embedding.forward(ids).cast(DType.F32);
    }

    /**
     * Applies a single layer, for callers that iterate over the layers of {@link #hidden(Tensor)} themselves; the results are bit-identical. Without
     * gradient recording, the input is freed if the current scope owns it.
     *
     * @param layer which, from 0
     * @param stream the residual stream of sequences that start at position 0, {@code [batch, sequence, hidden]}, F32
     * @param observer receives the input of each of the layer's norms
     * @return the residual stream after the layer, of the same shape
     */
    public Tensor forwardLayer(int layer, Tensor stream, StreamObserver observer) {
        return layer(layer, stream, rotary.angles(0, stream.size(1), stream.size(1)), null, observer);
    }

    /**
     * Returns the final hidden states, the input of the head.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return the final norm's output {@code [batch, sequence, hidden]}
     */
    public Tensor hidden(Tensor ids) {
        return hidden(ids, null, StreamObserver.NONE);
    }

    /**
     * Returns the final hidden states of tokens that follow those in a cache.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call; null for sequences that start at position 0
     * @param observer receives the input of each norm
     * @return the final norm's output {@code [batch, sequence, hidden]}
     * @throws ShapeException if ids does not have two dimensions, or the sequence exceeds the model's positions
     */
    public Tensor hidden(Tensor ids, KeyValueCache cache, StreamObserver observer) {
        return hidden(ids, cache, observer, checkedEnd(ids, cache));
    }

    /** Returns the position after the last token, checked against the model's maximum. */
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

    /** Hidden states of tokens of a text that extends up to {@code textEnd}. */
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
     * Returns the hidden states of the last tokens of a text that follows the contents of a cache. A long text is processed in chunks, so that memory
     * holds the activations of one chunk besides the cache. The results are those of {@link #hidden(Tensor, KeyValueCache, StreamObserver)},
     * bit-identical on a device that {@linkplain kept.backend.Backend#keepsBitsOfRows keeps the bits of rows}. Gradients are not recorded.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @param first the first of these tokens whose hidden state is returned
     * @return the final norm's output {@code [batch, sequence - first, hidden]}
     * @throws ShapeException if ids does not have two dimensions, or the sequence exceeds the model's positions
     */
    public Tensor prefill(Tensor ids, KeyValueCache cache, long first) {
        return prefill(ids, cache, first, CHUNK);
    }

    /**
     * {@link #prefill(Tensor, KeyValueCache, long)} with a given chunk size.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @param first the first of these tokens whose hidden state is returned
     * @param chunk the maximum number of tokens per chunk
     * @return the final norm's output {@code [batch, sequence - first, hidden]}
     * @throws ShapeException if ids does not have two dimensions, or the sequence exceeds the model's positions
     */
    public Tensor prefill(Tensor ids, KeyValueCache cache, long first, int chunk) {
        long end = checkedEnd(ids, cache);
        return Autograd.withoutRecording(() -> {
            List<Tensor> wanted = new ArrayList<>();
            for (Span part : Span.divide(0, ids.size(1), chunk)) {
                try (var inner = Scope.open(device())) {
                    Tensor hidden = hidden(ids.slice(1, part.from(), part.to()).contiguous(), cache, StreamObserver.NONE, end);
                    if (part.to() > first) {
                        wanted.add(inner.keep(hidden.slice(1, Math.max(0, first - part.from()), hidden.size(1))));
                    }
                }
            }
            return wanted.size() == 1 ? wanted.getFirst() : Tensor.concat(1, wanted.toArray(Tensor[]::new));
        });
    }

    /**
     * Sets whether a recorded forward pass keeps only the input of each layer and recomputes the layer in the backward pass, instead of keeping all
     * activations. Gradients are bit-identical either way.
     *
     * @param wanted true to recompute; initially false
     * @see Autograd#checkpoint
     */
    public void setActivationCheckpointing(boolean wanted) {
        activationCheckpointing = wanted;
    }

    /** Applies one layer; without recording, everything but its result is freed. */
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
     * Returns the logits at every position.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @return {@code [batch, sequence, vocabulary]}
     */
    public Tensor logits(Tensor ids) {
        return head(hidden(ids));
    }

    /**
     * Returns the logits after the last token; a long text is {@linkplain #prefill processed} in chunks. Gradients are not recorded.
     *
     * @param ids {@code [batch, sequence]}, I32 or I64
     * @param cache the keys and values so far, extended by this call
     * @return {@code [batch, vocabulary]}
     */
    public Tensor nextLogits(Tensor ids, KeyValueCache cache) {
        return Autograd.withoutRecording(() -> head(prefill(ids, cache, ids.size(1) - 1).select(1, 0)));
    }

    /**
     * Returns the logits after one more token of each of several sequences, whose lengths may differ. Up to {@link #BIT_IDENTICAL_BATCH} sequences,
     * each sequence's logits are bit-identical to running it alone, on a device that {@linkplain kept.backend.Backend#keepsBitsOfRows keeps the bits
     * of rows}; larger batches use matrix products that add in another order.
     *
     * @param ids the next token of each sequence
     * @param caches the keys and values of each sequence so far, with batch size 1, extended by this call
     * @return {@code [sequences, vocabulary]}
     * @throws ShapeException if a sequence exceeds the model's positions
     */
    public Tensor nextLogits(int[] ids, List<KeyValueCache> caches) {
        var pending = new DecoderLayer.Pending(embedding.forward(Tensor.of(ids, ids.length, 1)).cast(DType.F32), null);
        RotaryEmbedding.Angles angles = RotaryEmbedding.Angles.concat(caches.stream().map(cache -> rotary.angles(cache.length(), 1)).toList());
        for (int i = 0; i < layers.size(); i++) {
            int layer = i;
            List<KeyValues> pasts = caches.stream().map(cache -> cache.layer(layer)).toList();
            Scope outer = Scope.current();
            try (var inner = Scope.open(device())) {
                DecoderLayer.Pending next = layers.get(i).next(pending, angles, pasts);
                inner.keep(next.stream());
                inner.keep(next.branch());
                outer.release(pending.stream());
                if (pending.branch() != null) {
                    outer.release(pending.branch());
                }
                pending = next;
            }
        }
        Tensor hidden = norm.addAndForward(pending.stream(), pending.branch(), pending.stream().dtype()).normalized();
        return head(hidden.squeeze(1));
    }

    private Tensor head(Tensor hidden) {
        return blockHead != null ? blockHead.forward(hidden) : hidden.linear(head.value());
    }

    /** Frees the parameters. */
    @Override
    public void close() {
        rotary.close();
        scope.close();
    }
}
