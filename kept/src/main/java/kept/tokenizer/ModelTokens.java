package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * The ids of special tokens that a model's {@code config.json} or {@code generation_config.json} has, for a tokenizer whose own files name none.
 *
 * @param bos the beginning-of-sequence id
 * @param eos the end-of-sequence id, the first of several
 */
record ModelTokens(OptionalInt bos, OptionalInt eos) {
    /** No ids. */
    static final ModelTokens NONE = new ModelTokens(OptionalInt.empty(), OptionalInt.empty());

    /** Reads the ids of a checkpoint; none if it has neither file. */
    static ModelTokens read(Path directory) throws IOException {
        JsonNode model = TokenizerSettings.readJson(directory.resolve("config.json"));
        JsonNode generation = TokenizerSettings.readJson(directory.resolve("generation_config.json"));
        return new ModelTokens(id("bos_token_id", model, generation), id("eos_token_id", model, generation));
    }

    private static OptionalInt id(String key, JsonNode... files) {
        for (JsonNode file : files) {
            JsonNode given = file.path(key);
            JsonNode first = given.isArray() ? given.path(0) : given;
            if (first.isIntegralNumber() && first.canConvertToInt() && first.intValue() >= 0) {
                return OptionalInt.of(first.intValue());
            }
        }
        return OptionalInt.empty();
    }
}
