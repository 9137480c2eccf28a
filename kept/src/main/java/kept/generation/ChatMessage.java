package kept.generation;

/**
 * One message of a conversation.
 *
 * @param role the author: {@link #SYSTEM}, {@link #USER} or {@link #ASSISTANT}
 * @param content what is said
 */
public record ChatMessage(String role, String content) {
    /** The role of instructions to the model. */
    public static final String SYSTEM = "system";
    /** The role of the user. */
    public static final String USER = "user";
    /** The role of the model. */
    public static final String ASSISTANT = "assistant";
}
