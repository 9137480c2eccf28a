package kept.generation;

import java.util.Locale;

/** The tokens of conversations that training learns to predict. */
public enum LossTokens {
    /** All tokens, those of the template included. */
    ALL,
    /** What the assistant says, and the special token that ends its turn. */
    ASSISTANT;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
