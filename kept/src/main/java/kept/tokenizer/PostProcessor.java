package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The special tokens that the post-processor of a {@code tokenizer.json} puts around each text. Where there is that file, transformers adds these and
 * does not look at {@code add_bos_token} and {@code add_eos_token}.
 *
 * @param before the texts of the tokens before a text, in order
 * @param after those after it
 */
record PostProcessor(List<String> before, List<String> after) {

    /** Reads the template for single texts, which is empty if there is none. */
    static PostProcessor of(JsonNode tokenizer) {
        JsonNode template = template(tokenizer.path("post_processor"));
        return new PostProcessor(texts(template.valueStream().takeWhile(item -> item.has("SpecialToken"))),
                texts(template.valueStream().dropWhile(item -> item.has("SpecialToken")).filter(item -> item.has("SpecialToken"))));
    }

    private static List<String> texts(Stream<JsonNode> items) {
        return items.map(item -> item.path("SpecialToken").path("id").asText()).toList();
    }

    private static JsonNode template(JsonNode processor) {
        return processor.path("processors").valueStream().filter(part -> part.path("type").asText().equals("TemplateProcessing")).findFirst()
                .orElse(processor).path("single");
    }

    /** The only token before each text: what takes the place of a bos that is not named. */
    Optional<String> bos() {
        return before.size() == 1 ? Optional.of(before.getFirst()) : Optional.empty();
    }

    /** The only token after each text: what takes the place of an eos that is not named. */
    Optional<String> eos() {
        return after.size() == 1 ? Optional.of(after.getFirst()) : Optional.empty();
    }
}
