package kept.nn;

import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import kept.autograd.Autograd;
import kept.autograd.LowRankUpdate;
import kept.autograd.operation.BlockLinear;
import kept.autograd.operation.LowRankLinear;
import kept.autograd.operation.MatMul;
import kept.backend.BlockMatrix;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * The affine map {@code y = x W^T + b}, optionally with a low-rank update of W (LoRA): {@code y = x W^T + scale (x A^T) B^T + b}. Parameters:
 * {@code weight}, and optionally {@code bias}, {@code lora_A.weight} and {@code lora_B.weight}. A weight in blocks ({@link BlockMatrix}) is no
 * parameter and has no gradient: such a layer is for inference.
 */
public final class Linear extends Layer {
    /** Null if the weight is in blocks. */
    private final Parameter weight;
    /** The weight in blocks; null if it is a parameter. */
    private final BlockMatrix blocks;
    private final Parameter bias;
    private Parameter a;
    private Parameter b;
    private double scale;
    /** The type of the sum of the weight and its update where that is computed; null where the update is applied beside the weight. */
    private DType merged;

    /**
     * Creates the layer from its parameters.
     *
     * @param weight W, {@code [out, in]}
     * @param bias b, {@code [out]}, or null for none
     * @throws ShapeException if they do not have these shapes
     */
    public Linear(Tensor weight, Tensor bias) {
        this.weight = register("weight", weight);
        blocks = null;
        if (weight.rank() != 2 || bias != null && (bias.rank() != 1 || bias.size(0) != weight.size(0))) {
            throw new ShapeException("[linear] needs a weight [out, in] and a bias [out] or none, not %s and %s"
                    .formatted(weight.shape(), bias == null ? "none" : bias.shape()));
        }
        this.bias = bias == null ? null : register("bias", bias);
    }

    /**
     * Creates the layer from a weight in blocks.
     *
     * @param weight W, {@code [out, in]}
     * @param bias b, {@code [out]}, or null for none
     * @throws ShapeException if they do not have these shapes
     */
    public Linear(BlockMatrix weight, Tensor bias) {
        blocks = Arguments.present("linear", "the weight", weight);
        this.weight = null;
        if (bias != null && (bias.rank() != 1 || bias.size(0) != weight.shape().size(0))) {
            throw new ShapeException("[linear] needs a weight [out, in] and a bias [out] or none, not %s and %s"
                    .formatted(weight.shape(), bias.shape()));
        }
        this.bias = bias == null ? null : register("bias", bias);
    }

    /**
     * Creates the layer from its parameters and a low-rank update of its weight.
     *
     * @param weight W, {@code [out, in]}
     * @param bias b, {@code [out]}, or null for none
     * @param update A, {@code [rank, in]}, B, {@code [out, rank]}, and the scale
     * @throws ShapeException if they do not have these shapes
     */
    public Linear(Tensor weight, Tensor bias, LowRankUpdate update) {
        this(weight, bias);
        if (!Arguments.present("linear", "the update", update).shape().equals(weight.shape())) {
            throw new ShapeException("[linear] an update of %s does not fit a weight %s".formatted(update.shape(), weight.shape()));
        }
        a = register("lora_A.weight", update.a());
        b = register("lora_B.weight", update.b());
        scale = update.scale();
    }

    /**
     * Applies the map to the innermost axis.
     *
     * @param x {@code [..., in]}
     * @return {@code [..., out]}, with the promoted dtype of x and the weight; with a weight in blocks, of x's dtype
     * @throws ShapeException if the innermost extent of x is not {@code in}
     */
    public Tensor forward(Tensor x) {
        Arguments.present("linear", "x", x);
        if (blocks != null) {
            return plusBias(BlockLinear.applyToEach(x, List.of(blocks)).getFirst());
        }
        if (isBeside()) {
            return x.rank() == 1 ? forward(x.unsqueeze(0)).squeeze(-2) : LowRankLinear.apply(x, weight.value(), biasValue(), factors());
        }
        return withWeight(matrix -> bias == null ? x.linear(matrix) : x.linear(matrix, bias.value()));
    }

    /** Applies the map to {@code silu(gate) * up}, bit-identically to {@link #forward}. */
    Tensor forwardGated(Tensor gate, Tensor up) {
        if (blocks != null) {
            return forward(Functional.swiGlu(gate, up));
        }
        if (isBeside()) {
            return LowRankLinear.applyGated(gate, up, weight.value(), biasValue(), factors());
        }
        return withWeight(matrix ->
                bias == null ? Functional.swiGluLinear(gate, up, matrix) : Functional.swiGluLinear(gate, up, matrix, bias.value()));
    }

    /**
     * Applies several maps to the same x, bit-identically to {@link #forward} of each; without recording in one kernel where the device has one.
     *
     * @param x {@code [..., in]}
     * @param maps the maps, which all take {@code in} features
     * @return for each {@code [..., out]}
     */
    static List<Tensor> forwardEach(Tensor x, List<Linear> maps) {
        if (maps.stream().allMatch(map -> map.blocks != null && map.bias == null)) {
            return BlockLinear.applyToEach(x, maps.stream().map(map -> map.blocks).toList());
        }
        if (Autograd.isRecording() || maps.stream().anyMatch(map -> map.a != null || map.bias != null || map.blocks != null)) {
            return maps.stream().map(map -> map.forward(x)).toList();
        }
        return MatMul.linearOfEach(x, maps.stream().map(map -> map.weight.value()).toList());
    }

    private Tensor plusBias(Tensor product) {
        return bias == null ? product : product.add(bias.value().cast(product.dtype()));
    }

    private boolean isBeside() {
        return a != null && merged == null;
    }

    /** A product with the weight, or with the merged one, which is freed at once. */
    private Tensor withWeight(UnaryOperator<Tensor> product) {
        if (merged == null) {
            return product.apply(weight.value());
        }
        return Autograd.withoutRecording(() -> {
            try (var scope = Scope.open(weight.value().device())) {
                return scope.keep(product.apply(mergedWeight(merged)));
            }
        });
    }

    private Tensor biasValue() {
        return bias == null ? null : bias.value();
    }

    private LowRankUpdate factors() {
        return new LowRankUpdate(a.value(), b.value(), scale);
    }

    /**
     * The low-rank update of the weight.
     *
     * @return its current factors, if there is one
     */
    public Optional<LowRankUpdate> update() {
        return a == null ? Optional.empty() : Optional.of(factors());
    }

    /**
     * The weight with its update, {@code W + scale B A}, computed in F32 (F64 for an F64 weight) and rounded once.
     *
     * @param type the dtype of the result, floating
     * @return a new tensor {@code [out, in]}; without an update the weight, cast to that type
     */
    public Tensor mergedWeight(DType type) {
        Arguments.present("linear", "the type", type);
        if (blocks != null) {
            return Autograd.withoutRecording(() -> {
                try (var scope = Scope.open(blocks.codes().device())) {
                    return scope.keep(blocks.widen().cast(type));
                }
            });
        }
        Tensor w = weight.value().detach();
        if (a == null) {
            return w.cast(type);
        }
        return Autograd.withoutRecording(() -> {
            try (var scope = Scope.open(w.device())) {
                DType arithmetic = w.dtype().arithmetic();
                Tensor change = b.value().cast(arithmetic).mul(scale).matmul(a.value().cast(arithmetic));
                return scope.keep(change.addInPlace(w.cast(arithmetic)).cast(type));
            }
        });
    }

    /**
     * Sets whether the layer computes as one without an update whose weight is {@link #mergedWeight}: the update is then added before each product,
     * and takes memory for one matrix during it. Gradients are not recorded then. Nothing changes where there is no update.
     *
     * @param type the dtype of the merged weight, or null, as it is initially, to apply the update beside the weight
     */
    public void setMerging(DType type) {
        merged = a == null ? null : type;
    }

    /**
     * The weight.
     *
     * @return W, {@code [out, in]}
     * @throws TensorException if it is in blocks
     */
    public Parameter weight() {
        if (weight == null) {
            throw new TensorException("[linear] the weight is quantised, so it is no parameter; load the model with its stored weights");
        }
        return weight;
    }

    /**
     * The weight in blocks.
     *
     * @return W, if it is in blocks
     */
    public Optional<BlockMatrix> blocks() {
        return Optional.ofNullable(blocks);
    }

    /**
     * The shape of the weight.
     *
     * @return {@code [out, in]}
     */
    public Shape shape() {
        return blocks != null ? blocks.shape() : weight.value().shape();
    }

    /**
     * The dtype in which the device takes x for products with the weight.
     *
     * @return {@link kept.backend.Backend#productType} of the weight; F32 for one in blocks
     */
    public DType inputType() {
        return blocks != null ? DType.F32 : weight.value().backend().productType(weight.value().dtype());
    }

    /**
     * The bias.
     *
     * @return b, {@code [out]}, if there is one
     */
    public Optional<Parameter> bias() {
        return Optional.ofNullable(bias);
    }
}
