package kept.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import kept.generation.ChatTemplate;
import kept.io.InputFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;

/** A conversation from a file, to be shown as a chat template writes it. */
public final class RenderedPrompt {
    private static final String MESSAGES = "messages";

    private final Map<String, Object> variables;

    private RenderedPrompt(Map<String, Object> variables) {
        this.variables = variables;
    }

    /** Reads a JSON list of messages, or an object with such a list and other variables of the template. */
    public static RenderedPrompt read(Path file) {
        InputFiles.irregularity(file).ifPresent(problem -> {
            throw new ProgramException("[generate] %s %s".formatted(file, problem));
        });
        try {
            JsonNode json = Json.read(file);
            ObjectNode variables = json instanceof ObjectNode object ? object : JsonNodeFactory.instance.objectNode().set(MESSAGES, json);
            JsonNode messages = variables.path(MESSAGES);
            if (!messages.isArray()) {
                throw new ProgramException(("[generate] %s is neither a JSON list of messages, such as [{\"role\": \"user\", \"content\": \"Hi\"}], "
                        + "nor an object with such a list as \"messages\"").formatted(file));
            }
            for (int i = 0; i < messages.size(); i++) {
                if (!messages.get(i).isObject()) {
                    throw new ProgramException("[generate] %s: message %d is no object with \"role\" and \"content\"".formatted(file, i + 1));
                }
            }
            return new RenderedPrompt(Json.toMap(variables));
        } catch (JsonException e) {
            throw new ProgramException("[generate] %s is not JSON: %s".formatted(file, e.getMessage()), e);
        } catch (IOException e) {
            throw new ProgramException("[generate] %s cannot be read: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    /** Whether the conversation has tools, for which a checkpoint may have a template of its own. */
    public boolean hasTools() {
        return variables.get("tools") instanceof List<?>;
    }

    /** The prompt as text. */
    public String text(ChatTemplate template, Tokenizer tokenizer) {
        return template.render(variables, tokenizer.specialTokens(), LocalDateTime::now);
    }

    /** The prompt's ids, as a model would be given them, with spaces between them. */
    public String ids(ChatTemplate template, Tokenizer tokenizer) {
        return Arrays.stream(tokenizer.encodeWithSpecialTokens(text(template, tokenizer))).mapToObj(Integer::toString)
                .collect(Collectors.joining(" "));
    }
}
