package kept.bench;

import java.util.List;
import java.util.Locale;

/** What {@code bench NAME} runs. */
enum Subject {
    /** Matrix products. */
    PRODUCTS("matrix products, f32, in the four transposed forms", MatmulBenchmark::new),
    /** Double precision. */
    SQUARES("least squares in double precision: sums of products, Cholesky's factor, solutions", LeastSquaresBenchmark::new),
    /** Attention. */
    ATTENTION("causal attention, forward and backward", AttentionBenchmark::new),
    /** What memory bounds. */
    BANDWIDTH("norms, softmax, SwiGLU, RoPE, AdamW and KL rows beyond the cache, forward and backward",
            RmsNormBenchmark::new, LayerNormBenchmark::new, SoftmaxBenchmark::new, SwiGluBenchmark::new, RotaryBenchmark::new, AdamWBenchmark::new,
            DistillationBenchmark::new),
    /** A language model's answers. */
    DECODE("one token after another with a key-value cache and bf16 weights, and a prompt", DecodingBenchmark::new);

    private final String description;
    private final List<Cases.Maker> contests;

    Subject(String description, Cases.Maker... contests) {
        this.description = description;
        this.contests = List.of(contests);
    }

    /** What it is called on the command line. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** One line. */
    String description() {
        return description;
    }

    /** All its cases, not opened. */
    List<Contest> cases() {
        return contests.stream().flatMap(contest -> Cases.of(contest).stream()).toList();
    }
}
