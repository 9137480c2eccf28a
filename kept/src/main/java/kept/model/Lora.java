package kept.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.tensor.Shape;
import kept.tensor.TensorException;

/**
 * Low-rank adapters of a decoder's projections (LoRA, Hu and others 2021, arXiv 2106.09685): beside a matrix W that stays as it is, B A is trained,
 * and a layer computes {@code x W^T + alpha / rank (x A^T) B^T}. The settings are {@code r}, {@code lora_alpha} and {@code target_modules} of PEFT.
 */
public final class Lora {
    /** The rank where none is chosen. */
    public static final int USUAL_RANK = 16;
    /** The target that means every projection of every layer. */
    public static final String ALL = "all-linear";
    /** Adapters of rank {@value #USUAL_RANK} of every projection. */
    public static final Lora USUAL = new Lora(USUAL_RANK, usualAlpha(USUAL_RANK), ALL);

    private static final Set<TensorRole> PROJECTIONS = Set.of(TensorRole.QUERY, TensorRole.KEY, TensorRole.VALUE, TensorRole.ATTENTION_OUTPUT,
            TensorRole.GATE, TensorRole.UP, TensorRole.DOWN);

    private final int rank;
    private final double alpha;
    private final String target;
    private final Pattern modules;
    private final Set<String> excluded;

    /**
     * Adapters of chosen projections.
     *
     * @param rank the rank of each, at least 1
     * @param alpha the scale times the rank, above 0
     * @param target {@code all-linear} in any case for all seven projections of each layer, or a regular expression that is searched for in the names
     *     of their modules, such as {@code q_proj|v_proj} or {@code layers\.[0-3]\.self_attn}
     * @throws TensorException if a setting is out of its range, alpha / rank is none of f32, or the target is no regular expression
     */
    public Lora(int rank, double alpha, String target) {
        this(rank, alpha, target, Set.of());
    }

    private Lora(int rank, double alpha, String target, Set<String> excluded) {
        if (rank < 1 || !(alpha > 0) || Double.isInfinite(alpha)) {
            throw new TensorException("[lora] the rank must be at least 1 and alpha above 0, not %d and %s".formatted(rank, alpha));
        }
        float scale = (float) (alpha / rank);
        if (scale == 0 || Float.isInfinite(scale)) {
            throw new TensorException("[lora] alpha / rank must be an f32 number above 0, not %s / %d".formatted(alpha, rank));
        }
        this.rank = rank;
        this.alpha = alpha;
        this.target = target.toLowerCase(Locale.ROOT).equals(ALL) ? ALL : target;
        this.excluded = excluded;
        try {
            modules = Pattern.compile(this.target.equals(ALL) ? "" : target);
        } catch (PatternSyntaxException e) {
            throw new TensorException("[lora] the target '%s' is neither %s nor a regular expression: %s"
                    .formatted(target, ALL, e.getDescription()), e);
        }
    }

    /**
     * The alpha where none is chosen.
     *
     * @param rank the rank
     * @return twice the rank
     */
    public static double usualAlpha(int rank) {
        return 2.0 * rank;
    }

    /**
     * The same adapters without those of some matrices.
     *
     * @param weights the matrices' names
     * @return the other adapters
     */
    public Lora without(Set<String> weights) {
        return new Lora(rank, alpha, target, Stream.concat(excluded.stream(), weights.stream()).collect(Collectors.toUnmodifiableSet()));
    }

    /**
     * The rank of each adapter.
     *
     * @return 1 or more
     */
    public int rank() {
        return rank;
    }

    /**
     * The scale times the rank.
     *
     * @return alpha
     */
    public double alpha() {
        return alpha;
    }

    /**
     * The text that says what is adapted.
     *
     * @return {@link #ALL} or a regular expression
     */
    public String target() {
        return target;
    }

    /**
     * The factor of B A.
     *
     * @return alpha / rank
     */
    public double scale() {
        return alpha / rank;
    }

    /**
     * Whether a target matches a projection of some model.
     *
     * @param target {@link #ALL} or a text
     * @return false for a text that is no regular expression or matches no projection of the first thousand layers
     */
    public static boolean isTarget(String target) {
        try {
            var adapters = new Lora(USUAL_RANK, 1, target);
            return IntStream.range(0, 1000).anyMatch(layer -> PROJECTIONS.stream().anyMatch(role -> adapters.adapts(new TensorName(role, layer))));
        } catch (TensorException e) {
            return false;
        }
    }

    /**
     * The projections that a layer has.
     *
     * @return the last parts of their modules' names, separated by commas
     */
    public static String modules() {
        return PROJECTIONS.stream().sorted().map(role -> role.module(0)).map(module -> module.substring(module.lastIndexOf('.') + 1))
                .collect(Collectors.joining(", "));
    }

    /** Whether a matrix is adapted. */
    boolean adapts(TensorName weight) {
        return PROJECTIONS.contains(weight.role()) && modules.matcher(weight.module()).find() && !excluded.contains(weight.toString());
    }

    /** The shape of a factor of a matrix's adapter. */
    Shape shape(AdapterName.Factor factor, Shape weight) {
        return factor == AdapterName.Factor.A ? Shape.of(rank, weight.size(1)) : Shape.of(weight.size(0), rank);
    }

    /**
     * The matrices of a model that are adapted.
     *
     * @param config the model's configuration
     * @return in the order of the forward pass; empty if the target matches none
     */
    public List<ModelTensor> adapted(DecoderConfig config) {
        return ModelTensor.of(config).stream().filter(tensor -> adapts(tensor.id())).toList();
    }

    /**
     * The factors of a model's adapters.
     *
     * @param config the model's configuration
     * @return the shapes of A and B of each adapted matrix in turn, each with the identity of the matrix
     */
    public List<ModelTensor> factors(DecoderConfig config) {
        List<ModelTensor> factors = new ArrayList<>();
        for (ModelTensor matrix : adapted(config)) {
            for (AdapterName.Factor factor : AdapterName.Factor.values()) {
                factors.add(new ModelTensor(matrix.id(), shape(factor, matrix.shape()), matrix.name()));
            }
        }
        return factors;
    }

    /** Rank, alpha and target. */
    @Override
    public String toString() {
        return "lora of rank %d, alpha %s, on %s".formatted(rank, alpha, target);
    }
}
