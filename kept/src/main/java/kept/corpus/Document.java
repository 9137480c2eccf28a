package kept.corpus;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One text or conversation: a record, a text file, or a part of a long one.
 *
 * @param name its origin, the same on every machine: file name, or path inside the folder or archive, and the number in the file
 * @param text the text, with something other than white space in it; empty if this is a conversation
 * @param conversation the conversation, which a chat template turns into text
 */
public record Document(String name, String text, Optional<Conversation> conversation) {
    /**
     * A text.
     *
     * @param name its origin
     * @param text the text
     */
    public Document(String name, String text) {
        this(name, text, Optional.empty());
    }

    /**
     * Messages between a user and a model.
     *
     * @param place the file and the place in it, for messages of errors
     * @param messages what is said, in order: objects with {@code role} and {@code content}, and others that a template may know
     * @param tools the functions that the model may call; none if the record has none
     */
    public record Conversation(String place, List<Map<String, Object>> messages, Optional<Object> tools) {
        /** The key of a message's author. */
        public static final String ROLE = "role";
        /** The key of what a message says. */
        public static final String CONTENT = "content";

        /** Makes the list immutable. */
        public Conversation {
            messages = List.copyOf(messages);
        }

        /** The number of characters of all contents. */
        long characters() {
            return messages.stream().map(message -> message.get(CONTENT)).filter(Objects::nonNull)
                    .mapToLong(content -> content.toString().length()).sum();
        }
    }

    /**
     * The length, for groups of documents and for reports.
     *
     * @return UTF-16 code units of the text, or of the contents of all messages
     */
    public long characters() {
        return conversation.map(Conversation::characters).orElse((long) text.length());
    }
}
