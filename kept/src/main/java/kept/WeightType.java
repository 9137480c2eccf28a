package kept;

import kept.tensor.DType;

/** The element types weights can be stored in. */
enum WeightType {
    F32,
    BF16,
    F16;

    DType dtype() {
        return DType.valueOf(name());
    }
}
