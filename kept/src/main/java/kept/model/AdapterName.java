package kept.model;

import java.util.Optional;

/**
 * Identifies a factor of a matrix's low-rank adapter, and converts to and from its name: that of the matrix's module with {@code lora_A.weight} or
 * {@code lora_B.weight}, as PEFT has it.
 *
 * @param weight the matrix that is adapted
 * @param factor which factor
 */
public record AdapterName(TensorName weight, Factor factor) {
    /** The factors of an adapter. */
    public enum Factor {
        /** {@code [rank, in]}, which reads the projection's input. */
        A,
        /** {@code [out, rank]}, which writes to the projection's output. */
        B;

        private String ending() {
            return ".lora_%s.weight".formatted(this);
        }
    }

    /**
     * Reads a name.
     *
     * @param name such as {@code model.layers.0.self_attn.q_proj.lora_A.weight}
     * @return the matrix and the factor; empty if it is no adapter's name
     */
    public static Optional<AdapterName> parse(String name) {
        for (Factor factor : Factor.values()) {
            if (name.endsWith(factor.ending())) {
                String module = name.substring(0, name.length() - factor.ending().length());
                return TensorName.parse(module + ".weight").map(weight -> new AdapterName(weight, factor));
            }
        }
        return Optional.empty();
    }

    /**
     * Whether a parameter belongs to an adapter.
     *
     * @param name its name
     * @return true if so
     */
    public static boolean isOne(String name) {
        return parse(name).isPresent();
    }

    /**
     * The layer of any parameter.
     *
     * @param name the name of a tensor or of an adapter's factor
     * @return from 0; {@link TensorName#NO_LAYER} for what is in none
     */
    public static int layerOf(String name) {
        return TensorName.layerOf(name);
    }

    /** The name of the parameter. */
    @Override
    public String toString() {
        return weight.module() + factor.ending();
    }
}
