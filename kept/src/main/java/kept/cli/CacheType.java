package kept.cli;

import java.util.Locale;
import kept.tensor.DType;

/** The types in which a key-value cache can be kept. */
public enum CacheType {
    /** That of the model's activations: on the CPU f32. */
    AUTO(null),
    /** Half the memory of f32. */
    BF16(DType.BF16);

    private final DType dtype;

    CacheType(DType dtype) {
        this.dtype = dtype;
    }

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The type of tensors; null for that of the activations. */
    public DType dtype() {
        return dtype;
    }
}
