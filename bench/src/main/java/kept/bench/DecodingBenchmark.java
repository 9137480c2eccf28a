package kept.bench;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.backend.BlockMatrix;
import kept.gguf.GgufType;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.KeyValueCache;
import kept.model.QuantizedWeights;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/**
 * Decode and prefill of a Llama model with weights in bf16 or q8, a key-value cache and the logits of the last position, in size L of
 * {@link XkdBenchmark}. Decoding one token reads all weights once and is bound by memory; prefill is bound by its matrix products. This library
 * computes in f32. llama.cpp reads the same model from a GGUF file, in bf16 or q8_0, and has as many positions, in f16. libtorch has the same model
 * in TorchScript, in bf16 throughout in either case, as PyTorch runs such a checkpoint. In prefill the peers multiply bf16 numbers, llama.cpp those
 * of 8 bits in q8_0, which some processors do at a higher rate than the f32 peak in the table. The plain loop computes only the products with the
 * weights in bf16, for one token.
 */
public class DecodingBenchmark extends BenchmarkCase {
    private static final int HIDDEN = 1024;
    private static final int LAYERS = 16;
    private static final int HEADS = 16;
    private static final int HEAD_DIMENSION = HIDDEN / HEADS;
    private static final int INTERMEDIATE = 3072;
    private static final int VOCABULARY = 32000;
    private static final double EPSILON = 1e-5;
    /** Positions in the cache. A full cache is replaced by an empty one, so half of it is read on average. */
    private static final int CAPACITY = 128;

    /** Tokens per forward pass: 1 for decode, more for prefill. */
    @Param({"1", "512"})
    public int tokens;

    /** Form of this library's and llama.cpp's weights: bf16 or q8. */
    @Param({"bf16", "q8"})
    public String weights;

    private Decoder model;
    /** The model in bf16, from which the peers have theirs. */
    private Decoder stored;
    private KeyValueCache cache;
    private Tensor ids;
    private GgufModel file;
    private LlamaCpp.Model llama;

    /** For JMH. */
    public DecodingBenchmark() {}

    @Override
    void prepare() {
        DecoderConfig config = DecoderConfig.builder(Architecture.LLAMA).vocabSize(VOCABULARY).hiddenSize(HIDDEN).intermediateSize(INTERMEDIATE)
                .layers(LAYERS).heads(HEADS).keyValueHeads(HEADS).headDimension(HEAD_DIMENSION).maxPositions(1024).normEps(EPSILON).dtype(DType.BF16)
                .build();
        var random = new RandomWeights(config, 1);
        Weights rounded = (name, shape) -> random.get(name, shape).cast(DType.BF16);
        stored = Decoder.create(config, rounded, Device.cpu());
        model = isQuantized() ? Decoder.create(config, new QuantizedWeights(rounded), Device.cpu()) : stored;
        ids = Tensor.of(ids(), 1, tokens);
    }

    private boolean isQuantized() {
        return weights.equals("q8");
    }

    private int[] ids() {
        return IntStream.range(0, tokens).map(i -> i * 37 % VOCABULARY).toArray();
    }

    /** Positions in the cache. */
    private int capacity() {
        return Math.max(CAPACITY, tokens);
    }

    @Override
    void release() {
        model.close();
        if (stored != model) {
            stored.close();
        }
        if (cache != null) {
            cache.close();
            cache = null;
        }
        if (llama != null) {
            llama.close();
            llama = null;
        }
        if (file != null) {
            file.close();
            file = null;
        }
    }

    @Override
    void run() {
        if (cache == null || cache.length() + tokens > capacity()) {
            if (cache != null) {
                cache.close();
            }
            cache = new KeyValueCache(model.config(), 1, capacity(), model.device());
        }
        try (var _ = Scope.open()) {
            Autograd.withoutRecording(() -> model.nextLogits(ids, cache));
        }
    }

    @Override
    Runnable preparePeer(Libtorch torch) {
        int past = tokens == 1 ? CAPACITY / 2 : 0;
        Tensor positions = Tensor.uniform(1, 0, tokens, HEAD_DIMENSION).cast(DType.BF16);
        Tensor earlier = Tensor.normal(1, 1, LAYERS, 1, HEADS, past, HEAD_DIMENSION).cast(DType.BF16);
        List<NDArray> arguments = new ArrayList<>(List.of(torch.copy(ids), torch.copy(positions), torch.copy(positions), torch.copy(earlier),
                torch.copy(earlier), torch.copy(weight("model.embed_tokens")), torch.copy(weight("model.norm")), torch.copy(weight("lm_head"))));
        for (String part : new String[] {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
            try (var _ = Scope.open()) {
                Tensor[] layers = IntStream.range(0, LAYERS).mapToObj(i -> weight("model.layers." + i + "." + part)).toArray(Tensor[]::new);
                arguments.add(torch.copy(Tensor.stack(0, layers)));
            }
        }
        Libtorch.Function step = torch.function("""
                ids: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, table: Tensor, norm: Tensor, head: Tensor, \
                norms1: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, wo: Tensor, norms2: Tensor, gate: Tensor, up: Tensor, down: Tensor""", """
                x = torch.embedding(table, ids)
                for i in range(%d):
                  h = torch.rms_norm(x, [%d], torch.select(norms1, 0, i), 1.0e-05)
                  q = torch.transpose(torch.view(torch.linear(h, torch.select(wq, 0, i)), [1, -1, %d, %d]), 1, 2)
                  k = torch.transpose(torch.view(torch.linear(h, torch.select(wk, 0, i)), [1, -1, %d, %d]), 1, 2)
                  v = torch.transpose(torch.view(torch.linear(h, torch.select(wv, 0, i)), [1, -1, %d, %d]), 1, 2)
                  q1, q2, = torch.chunk(q, 2, -1)
                  k1, k2, = torch.chunk(k, 2, -1)
                  rq = torch.add(torch.mul(q, cos), torch.mul(torch.cat([torch.neg(q2), q1], -1), sin))
                  rk = torch.add(torch.mul(k, cos), torch.mul(torch.cat([torch.neg(k2), k1], -1), sin))
                  allk = torch.cat([torch.select(keys, 0, i), rk], 2)
                  allv = torch.cat([torch.select(values, 0, i), v], 2)
                  a = torch.transpose(torch.scaled_dot_product_attention(rq, allk, allv, None, 0., %s), 1, 2)
                  x = torch.add(x, torch.linear(torch.reshape(a, [1, -1, %d]), torch.select(wo, 0, i)))
                  h2 = torch.rms_norm(x, [%d], torch.select(norms2, 0, i), 1.0e-05)
                  g = torch.mul(torch.silu(torch.linear(h2, torch.select(gate, 0, i))), torch.linear(h2, torch.select(up, 0, i)))
                  x = torch.add(x, torch.linear(g, torch.select(down, 0, i)))
                last = torch.select(torch.rms_norm(x, [%d], norm, 1.0e-05), 1, -1)
                return torch.linear(last, head)
                """.formatted(LAYERS, HIDDEN, HEADS, HEAD_DIMENSION, HEADS, HEAD_DIMENSION, HEADS, HEAD_DIMENSION, past == 0 ? "True" : "False",
                HIDDEN, HIDDEN, HIDDEN));
        NDArray[] all = arguments.toArray(NDArray[]::new);
        return () -> step.run(all);
    }

    @Override
    Map<Peer, Supplier<Runnable>> otherPeers() {
        return Map.of(Peer.LLAMA_CPP, this::prepareLlamaCpp);
    }

    private Runnable prepareLlamaCpp() {
        file = GgufModel.write(stored, isQuantized() ? GgufType.Q8_0 : GgufType.BF16);
        llama = LlamaCpp.open().load(file.file(), capacity());
        Runnable pass = llama.next(ids());
        var length = new AtomicInteger();
        return () -> {
            if (length.addAndGet(tokens) > capacity()) {
                llama.clear();
                length.set(tokens);
            }
            pass.run();
        };
    }

    /** Runs llama.cpp once. */
    @Benchmark
    public final void llamaCpp() {
        run(Peer.LLAMA_CPP);
    }

    private Tensor weight(String name) {
        return stored.parameters().get(name + ".weight").value();
    }

    @Override
    Runnable preparePlain() {
        List<short[]> matrices = new ArrayList<>();
        List<Integer> widths = new ArrayList<>();
        for (Parameter parameter : stored.parameters().values()) {
            Tensor value = parameter.value();
            if (value.rank() == 2 && value != weight("model.embed_tokens")) {
                float[] wide = value.cast(DType.F32).toFloatArray();
                short[] narrow = new short[wide.length];
                for (int i = 0; i < wide.length; i++) {
                    narrow[i] = (short) (Float.floatToRawIntBits(wide[i]) >>> Short.SIZE);
                }
                matrices.add(narrow);
                widths.add(Math.toIntExact(value.size(1)));
            }
        }
        float[] x = new float[INTERMEDIATE];
        float[] y = new float[VOCABULARY];
        return () -> {
            for (int i = 0; i < matrices.size(); i++) {
                multiply(matrices.get(i), widths.get(i), x, y);
            }
        };
    }

    private static void multiply(short[] matrix, int width, float[] x, float[] y) {
        for (int row = 0; row < matrix.length / width; row++) {
            float sum = 0;
            for (int i = 0; i < width; i++) {
                sum += Float.intBitsToFloat(matrix[row * width + i] << Short.SIZE) * x[i];
            }
            y[row] = sum;
        }
    }

    @Override
    String label() {
        return tokens == 1 ? "decode" : "prefill";
    }

    @Override
    String sizes() {
        return (tokens == 1 ? "1 token " : tokens + " tokens ") + weights;
    }

    @Override
    HardwareBound bound() {
        return tokens == 1 ? HardwareBound.READ : HardwareBound.MULTIPLY_ADD;
    }

    /** Decode: bytes of every weight matrix but the embedding. Prefill: operations of the layers for all tokens and of the head for the last one. */
    @Override
    double work() {
        double layers = LAYERS * (4.0 * HIDDEN * HIDDEN + 3.0 * HIDDEN * INTERMEDIATE);
        double head = (double) VOCABULARY * HIDDEN;
        double attention = LAYERS * 2.0 * HIDDEN * tokens * (tokens + 1.0);
        double bytes = isQuantized() ? 34.0 / BlockMatrix.BLOCK : 2;
        return tokens == 1 ? bytes * (layers + head) : 2 * (layers * tokens + head) + attention;
    }
}
