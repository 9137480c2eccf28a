package kept.generation;

/** Why generation ended. */
public enum Finish {
    /** The model generated an end token. */
    END,
    /** The text contains a stop string. */
    STOP,
    /** The token limit or the model's maximum number of positions is reached. */
    LENGTH,
    /** The caller interrupted it. */
    INTERRUPTED
}
