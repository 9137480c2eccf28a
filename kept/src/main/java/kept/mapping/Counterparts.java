package kept.mapping;

import kept.model.DecoderConfig;
import kept.model.HeadPadding;
import kept.model.ModelTensor;
import kept.model.NormKind;
import kept.model.PartialRotation;
import kept.model.TensorName;
import kept.model.TensorRole;

/**
 * The source's counterparts of a Llama's tensors, by which a Llama computes what the source's modules compute; norms are the mappings' own matter.
 * Queries and keys are in the order in which a Llama rotates them. An MLP without a gate, {@code down(f(up(x)))}, has its projection as the gate, and
 * an up projection that is 1: weight 0, bias 1. Where a Llama must have a bias that the source lacks, it is 0.
 */
final class Counterparts {
    private static final String NO_GATE = "the MLP has no gate: what a gate would be multiplied by is 1";
    private static final String NO_BIAS = "the source has no bias there";

    private final DecoderConfig source;
    private final PartialRotation rotation;
    private final HeadPadding padding;

    Counterparts(DecoderConfig source) {
        this.source = source;
        rotation = PartialRotation.of(source);
        padding = HeadPadding.of(source);
    }

    /** The name of a tensor in the source's checkpoint. */
    String name(TensorName tensor) {
        return source.architecture().name(tensor);
    }

    /** The name of the source's tensor in whose place the target has a weight or bias. */
    String counterpart(TensorName id) {
        if (!source.architecture().isGated()) {
            if (id.role() == TensorRole.GATE) {
                return name(id.beside(TensorRole.UP));
            }
            if (id.role() == TensorRole.GATE_BIAS) {
                return name(id.beside(TensorRole.UP_BIAS));
            }
        }
        return name(id);
    }

    /** Whether the source has a counterpart of a bias. */
    boolean hasBias(ModelTensor bias) {
        return switch (bias.role()) {
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS -> source.attentionBias();
            case ATTENTION_OUTPUT_BIAS -> source.attentionOutputBias();
            case GATE_BIAS, DOWN_BIAS -> source.mlpBias();
            case UP_BIAS -> source.mlpBias() && source.architecture().isGated();
            default -> false;
        };
    }

    /** Whether a tensor is of the up projection that an MLP without a gate does not have. */
    boolean isOnlyTargets(ModelTensor tensor) {
        return !source.architecture().isGated() && tensor.role().weight() == TensorRole.UP;
    }

    /** The row of a module's tensor, by which the module computes what the source's does. */
    TensorMapping module(ModelTensor tensor, String reason) {
        if (isOnlyTargets(tensor)) {
            return TensorMapping.of(tensor, new Constant("gate", tensor.role().isBias() ? 1 : 0), NO_GATE);
        }
        if (tensor.role().isBias() && !hasBias(tensor)) {
            return TensorMapping.of(tensor, new Constant("bias", 0), NO_BIAS);
        }
        return TensorMapping.of(tensor, placed(tensor, Transform.COPY), reason, counterpart(tensor.id()));
    }

    /** A computation of a tensor, with the order of features and the heads that the Llama has. */
    Transform placed(ModelTensor tensor, Transform transform) {
        return switch (tensor.role()) {
            case QUERY, QUERY_BIAS -> padded(rotated(transform), 0);
            case KEY, KEY_BIAS -> rotated(transform);
            case ATTENTION_OUTPUT -> padded(transform, 1);
            default -> transform;
        };
    }

    private Transform rotated(Transform transform) {
        return rotation.isWhole() ? transform : new HeadOrder(transform, rotation);
    }

    private Transform padded(Transform transform, int axis) {
        return padding.isNeeded() ? new PaddedHeads(transform, padding, axis) : transform;
    }

    /** The row of a norm's weight, which is the source's gain. */
    TensorMapping norm(ModelTensor weight, Transform copy, String reason) {
        return switch (source.architecture().norm()) {
            case LAYER, RMS -> TensorMapping.of(weight, copy, reason, name(weight.id()));
            case LAYER_AROUND_ONE -> TensorMapping.of(weight, new AroundOne(copy, 0), reason, name(weight.id()));
            case LAYER_WITHOUT_PARAMETERS -> TensorMapping.of(weight, new Constant(copy.method(), 1), reason);
        };
    }

    /** A computation one of whose sources is a norm's gain, for a source with the norm's weight. */
    Transform ofGain(Transform transform, int index) {
        return source.architecture().norm() == NormKind.LAYER_AROUND_ONE ? new AroundOne(transform, index) : transform;
    }
}
