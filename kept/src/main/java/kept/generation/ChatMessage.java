package kept.generation;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@link #SYSTEM}, {@link #USER} or {@link #ASSISTANT}
 * @param content what is said
 */
public record ChatMessage(String role, String content) {
    /** The role that says how the model shall behave. */
    public static final String SYSTEM = "system";
    /** The role that asks. */
    public static final String USER = "user";
    /** The role of the model. */
    public static final String ASSISTANT = "assistant";
}
