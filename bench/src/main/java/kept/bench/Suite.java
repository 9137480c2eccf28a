package kept.bench;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** A group of benchmarks that {@code bench NAME} runs. */
enum Suite {
    /** Matrix products. */
    PRODUCTS("f32 matrix products with either operand transposed", MatmulBenchmark::new),
    /** Least squares in double precision. */
    SQUARES("least squares in f64: normal equations, Cholesky factor, solution", LeastSquaresBenchmark::new),
    /** Attention. */
    ATTENTION("causal attention, forward and backward", AttentionBenchmark::new),
    /** Memory-bound operations. */
    BANDWIDTH("norms, softmax, SwiGLU, RoPE, AdamW and KL loss: memory-bound",
            RmsNormBenchmark::new, LayerNormBenchmark::new, SoftmaxBenchmark::new, SwiGluBenchmark::new, RotaryBenchmark::new, AdamWBenchmark::new,
            DistillationBenchmark::new),
    /** Inference of a language model. */
    DECODE("decode and prefill with weights in bf16 and q8, and a key-value cache", DecodingBenchmark::new);

    private final String description;
    private final List<ParameterGrid.Factory> benchmarks;

    Suite(String description, ParameterGrid.Factory... benchmarks) {
        this.description = description;
        this.benchmarks = List.of(benchmarks);
    }

    /** Name on the command line. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Description for the help text, one line. */
    String description() {
        return description;
    }

    /** Creates all cases of all benchmarks without opening them. */
    List<BenchmarkCase> cases() {
        return benchmarks.stream().flatMap(benchmark -> ParameterGrid.of(benchmark).stream()).toList();
    }

    /** The peers that run any of the cases. */
    Set<Peer> peers() {
        return cases().stream().flatMap(benchmark -> benchmark.peers().stream()).collect(Collectors.toSet());
    }
}
