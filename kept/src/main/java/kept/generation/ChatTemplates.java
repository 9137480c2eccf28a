package kept.generation;

import java.nio.file.Path;
import java.util.Optional;

/** The chat templates for conversations of a corpus: one that the user names, or those of a checkpoint, read when a conversation needs one. */
public final class ChatTemplates {
    private final Path directory;
    private final Optional<ChatTemplate> named;
    /** For conversations without tools, and with tools; null until one is needed. */
    private final ChatTemplate[] read = new ChatTemplate[2];

    /**
     * Names the templates.
     *
     * @param directory the checkpoint's
     * @param named the source of the template that replaces those of the checkpoint, if any
     */
    public ChatTemplates(Path directory, Optional<String> named) {
        this.directory = directory;
        this.named = named.map(source -> new ChatTemplate(source, "--chat-template"));
    }

    /**
     * Finds the template for a conversation.
     *
     * @param tools whether the conversation has tools
     * @return the template
     * @throws ChatTemplateException if there is none, or it cannot be read
     */
    synchronized ChatTemplate get(boolean tools) {
        if (named.isPresent()) {
            return named.get();
        }
        int index = tools ? 1 : 0;
        if (read[index] == null) {
            read[index] = ChatTemplate.read(directory, tools).orElseThrow(() -> new ChatTemplateException(
                    "[chat template] it is a conversation, and %s has no chat template: name one with --chat-template FILE (orion: Orion-14B-Chat's)"
                            .formatted(directory)));
        }
        return read[index];
    }
}
