package kept.cli;

import java.util.Locale;
import kept.tensor.DType;

/** The element types weights can be stored in. */
public enum WeightType {
    F32,
    BF16,
    F16;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The type of tensors. */
    public DType dtype() {
        return DType.valueOf(name());
    }
}
