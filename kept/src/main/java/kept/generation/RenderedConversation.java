package kept.generation;

import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import kept.corpus.Document;
import kept.tokenizer.Tokenizer;

/** A conversation as a chat template writes it, and its token ids. */
final class RenderedConversation {
    /** A template that writes the date writes this one, so that the same corpus has the same tokens on any day; it is that of Llama 3's template. */
    private static final LocalDateTime DATE = LocalDateTime.of(2024, 7, 26, 0, 0);

    private static final String ROLE = Document.Conversation.ROLE;
    private static final String CONTENT = Document.Conversation.CONTENT;
    private static final char FIRST_GUARD = '\uE000';
    private static final char LAST_GUARD = '\uF8FF';

    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final List<String> special;
    /** A character of no message. Within the text of a special token that somebody has said, it keeps that from being the token. */
    private final char guard;
    private final List<Map<String, Object>> messages;
    private final Object tools;
    private final String text;
    private final int[] ids;

    /**
     * Writes and encodes a conversation.
     *
     * @param conversation what is said
     * @param template the model's
     * @param tokenizer the model's
     * @throws ChatTemplateException if the template refuses the conversation, or leaves out one of its messages
     */
    RenderedConversation(Document.Conversation conversation, ChatTemplate template, Tokenizer tokenizer) {
        this.template = template;
        this.tokenizer = tokenizer;
        special = tokenizer.specialTexts().stream().filter(token -> token.length() > 1)
                .sorted(Comparator.comparingInt(String::length).reversed().thenComparing(Comparator.naturalOrder())).toList();
        guard = guard(template.source() + conversation.messages() + conversation.tools());
        messages = conversation.messages().stream().map(this::guarded).toList();
        tools = conversation.tools().map(this::guarded).orElse(null);
        text = render(messages, false);
        requireMessages();
        ids = encode(text);
    }

    /** The token ids. */
    int[] ids() {
        return ids;
    }

    /** Which of them the assistant has said. */
    boolean[] assistant() {
        boolean[] own = new boolean[ids.length];
        for (int i = 0; i < messages.size(); i++) {
            if (ChatMessage.ASSISTANT.equals(messages.get(i).get(ROLE))) {
                String before = i == 0 ? "" : render(messages.subList(0, i), true);
                String after = i == messages.size() - 1 ? text : render(messages.subList(0, i + 1), false);
                if (!after.startsWith(before) || !text.startsWith(after)) {
                    throw new ChatTemplateException(("[chat template] %s writes message %d (assistant) in another way if others follow it, so its "
                            + "tokens cannot be told from the others; use --loss-on all, or a template that writes a message always alike")
                            .formatted(template.name(), i + 1));
                }
                Arrays.fill(own, tokens(before), tokens(after), true);
            }
        }
        return own;
    }

    /** The number of tokens that lie within a beginning of the text. */
    private int tokens(String beginning) {
        int[] some = encode(beginning);
        int common = Arrays.mismatch(some, ids);
        return common < 0 ? ids.length : common;
    }

    private int[] encode(String rendered) {
        return tokenizer.encodeWithSpecialTokens(rendered, guard);
    }

    private String render(List<Map<String, Object>> some, boolean prompt) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", some);
        variables.put("tools", tools);
        variables.put("add_generation_prompt", prompt);
        return template.render(variables, tokenizer.specialTokens(), () -> DATE);
    }

    /** Some templates write nothing for a role that they do not know, and training would not see what was said. */
    private void requireMessages() {
        for (int i = 0; i < messages.size(); i++) {
            Map<String, Object> message = messages.get(i);
            if (message.get(CONTENT) instanceof String content && !content.isBlank() && !isSeen(content.strip(), i) && isLeftOut(i)) {
                throw new ChatTemplateException("[chat template] %s leaves out message %d (%s): it knows no such role; name another template with "
                        .formatted(template.name(), i + 1, message.get(ROLE)) + "--chat-template FILE, or convert the conversation");
            }
        }
    }

    /** Whether the rendered text has what a message says, and no other message says it too. */
    private boolean isSeen(String said, int index) {
        return text.contains(said) && IntStream.range(0, messages.size()).filter(i -> i != index)
                .noneMatch(i -> messages.get(i).get(CONTENT) instanceof String other && other.contains(said));
    }

    private boolean isLeftOut(int index) {
        List<Map<String, Object>> others = new ArrayList<>(messages);
        others.remove(index);
        try {
            return render(others, false).equals(text);
        } catch (ChatTemplateException e) {
            // Without it the template refuses the conversation, so it reads the message.
            return false;
        }
    }

    private static char guard(String all) {
        for (char c = FIRST_GUARD; c <= LAST_GUARD; c++) {
            if (all.indexOf(c) < 0) {
                return c;
            }
        }
        throw new ChatTemplateException("[chat template] the conversation has all characters of the private use area");
    }

    private Map<String, Object> guarded(Map<String, Object> message) {
        Map<String, Object> guarded = new LinkedHashMap<>();
        message.forEach((key, value) -> guarded.put(key, key.equals(ROLE) ? value : guarded(value)));
        return guarded;
    }

    private Object guarded(Object value) {
        return switch (value) {
            case String said -> guarded(said);
            case Collection<?> items -> {
                List<Object> all = new ArrayList<>();
                items.forEach(item -> all.add(guarded(item)));
                yield all;
            }
            case Map<?, ?> map -> {
                Map<String, Object> all = new LinkedHashMap<>();
                map.forEach((key, item) -> all.put((String) key, guarded(item)));
                yield all;
            }
            case null, default -> value;
        };
    }

    private String guarded(String said) {
        String guarded = said;
        for (String token : special) {
            if (guarded.contains(token)) {
                guarded = guarded.replace(token, token.charAt(0) + String.valueOf(guard) + token.substring(1));
            }
        }
        return guarded;
    }
}
