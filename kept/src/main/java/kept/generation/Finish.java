package kept.generation;

/** Why a text ended. */
public enum Finish {
    /** The model said so, by a token that ends texts. */
    END,
    /** A stop string came. */
    STOP,
    /** As many tokens as were allowed, or as the model has positions. */
    LENGTH,
    /** Someone asked for it. */
    INTERRUPTED
}
