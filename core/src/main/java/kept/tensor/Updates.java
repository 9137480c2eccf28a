package kept.tensor;

import kept.autograd.Autograd;
import kept.autograd.operation.Operands;
import kept.backend.Binary;
import kept.tensor.internal.Arguments;

/** In-place arithmetic. */
final class Updates {
    private Updates() {}

    /** {@code target = f(target, other)}. */
    static Tensor apply(String operation, Binary f, Tensor target, Tensor other) {
        Arguments.usable(operation, target, other);
        if (Autograd.isRecording() && (target.requiresGradient() || other.requiresGradient())) {
            throw new TensorException("[%s] is not recorded, and a tensor requires a gradient; use %s, or Autograd.withoutRecording"
                    .formatted(operation, f.label()));
        }
        DType common = Arguments.promote(operation, target.dtype(), other.dtype());
        Operands.checkNumbers(operation, common, f.takes(common));
        if (common != target.dtype() && !target.dtype().isFloating()) {
            throw new DTypeException("[%s] the result with %s is %s, which this %s cannot hold; cast one of them first"
                    .formatted(operation, other.dtype().label(), common.label(), target.dtype().label()));
        }
        KernelCall.checkWritable(operation, target);
        Tensor stretched = other.alias(target.shape(), other.expandedStrides(target.shape(), operation), other.offset());
        if (other.dtype() == target.dtype() && !other.overlaps(target)) {
            target.backend().binary(f, target, stretched, target);
            return target;
        }
        if (f == Binary.ADD && target.dtype() == DType.F32 && other.dtype().isFloating() && other.dtype() != DType.F64 && !other.overlaps(target)) {
            target.backend().mixedAdd(target, stretched, target);
            return target;
        }
        try (var _ = Scope.open()) {
            DType working = common.arithmetic();
            Tensor result = Tensor.empty(working, target.shape());
            Autograd.withoutRecording(() -> {
                result.backend().binary(f, target.cast(working), stretched.cast(working), result);
                return null;
            });
            return target.assign(result);
        }
    }
}
