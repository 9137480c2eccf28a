package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import kept.text.Counts;
import kept.text.VisibleText;

/**
 * The ids that the tokenizers library gives to the added tokens of a {@code tokenizer.json}: that of the vocabulary for a text that is in it, else
 * the next one. The ids in the file are those of the program that wrote it; the library passes over them.
 */
final class AddedIds {
    private AddedIds() {}

    /**
     * Compares them with the ids in the file.
     *
     * @param json the content of the file
     * @return how many differ, and the first that does; empty if none
     */
    static Optional<String> differences(JsonNode json) {
        JsonNode vocabulary = json.path("model").path("vocab");
        Map<String, Integer> ids = new HashMap<>();
        int next = vocabulary.size();
        int different = 0;
        String first = "";
        if (vocabulary.isArray()) {
            for (int id = 0; id < vocabulary.size(); id++) {
                ids.put(vocabulary.get(id).path(0).asText(), id);
            }
        } else {
            vocabulary.properties().forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt(-1)));
        }
        for (JsonNode added : json.path("added_tokens")) {
            String text = added.path("content").asText();
            if (text.isEmpty()) {
                continue;
            }
            Integer known = ids.putIfAbsent(text, next);
            int id = known == null ? next++ : known;
            int there = added.path("id").asInt(-1);
            if (id != there && different++ == 0) {
                first = "%s is %d there and %d in transformers".formatted(VisibleText.quoted(text), there, id);
            }
        }
        if (different == 0) {
            return Optional.empty();
        }
        return Optional.of("the ids that transformers gives to %s, which differ from those of %s (%s%s)".formatted(
                Counts.of(different, "added token", "added tokens"), Tokenizer.JSON_FILE, different == 1 ? "" : "the first: ", first));
    }
}
