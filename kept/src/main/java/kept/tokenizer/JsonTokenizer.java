package kept.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import kept.text.Reasons;

/** A {@code tokenizer.json}, through Hugging Face's library. Its marks are named by the {@code tokenizer_config.json} beside it. */
final class JsonTokenizer implements Tokenizer {
    private final Path file;
    private final HuggingFaceTokenizer library;
    private final int vocabularySize;
    private final OptionalInt bos;
    private final OptionalInt eos;
    private final Map<String, String> marks;

    private JsonTokenizer(Path file, HuggingFaceTokenizer library, Map<String, Integer> ids, JsonNode config) {
        this.file = file;
        this.library = library;
        this.vocabularySize = 1 + ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1);
        this.bos = mark(config.path("bos_token"), ids);
        this.eos = mark(config.path("eos_token"), ids);
        this.marks = TokenizerFiles.marks(config);
    }

    static JsonTokenizer load(Path file) {
        JsonNode tokenizer;
        JsonNode config;
        try {
            tokenizer = TokenizerSettings.readJson(file);
            config = TokenizerSettings.readJson(file.resolveSibling(TokenizerFiles.CONFIG_FILE));
        } catch (IOException e) {
            throw new TokenizerException("[tokenizer] %s or the %s beside it cannot be read: %s"
                    .formatted(file, TokenizerFiles.CONFIG_FILE, Reasons.of(e)), e);
        }
        Map<String, Integer> ids = ids(tokenizer);
        if (ids.isEmpty()) {
            throw new TokenizerException("[tokenizer] " + file + " has no vocabulary: it is not a tokenizer.json of Hugging Face tokenizers");
        }
        NativeLibraries.prepare();
        try (var input = Files.newInputStream(file)) {
            // DJL would cut texts at 512 ids and add marks unless told otherwise.
            var options = Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");
            return new JsonTokenizer(file, HuggingFaceTokenizer.newInstance(input, options), ids, config);
        } catch (LinkageError | IllegalStateException | EngineException e) {
            throw new TokenizerException("[tokenizer] Hugging Face's native library does not load: " + e
                    + "; DJL unpacks it to ~/.djl.ai (DJL_CACHE_DIR chooses another place), which must be writable", e);
        } catch (IOException | RuntimeException e) {
            throw new TokenizerException("[tokenizer] " + file + " is refused by Hugging Face tokenizers: " + e.getMessage(), e);
        }
    }

    /** Each token of the file and its id: the model's vocabulary (an object; for unigram models a list in the order of ids) and what was added. */
    private static Map<String, Integer> ids(JsonNode tokenizer) {
        var ids = new HashMap<String, Integer>();
        JsonNode vocabulary = tokenizer.path("model").path("vocab");
        if (vocabulary.isArray()) {
            for (int id = 0; id < vocabulary.size(); id++) {
                ids.put(vocabulary.get(id).path(0).asText(), id);
            }
        } else {
            vocabulary.properties().forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt()));
        }
        tokenizer.path("added_tokens").forEach(token -> ids.put(token.path("content").asText(), token.path("id").asInt()));
        return ids;
    }

    /** A mark is named by its text, or by an object that holds its text. */
    private static OptionalInt mark(JsonNode name, Map<String, Integer> ids) {
        Integer id = ids.get(TokenizerFiles.content(name));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public int[] encode(String text) {
        return Arrays.stream(library.encode(text, false, false).getIds()).mapToInt(Math::toIntExact).toArray();
    }

    @Override
    public Map<String, String> marks() {
        return marks;
    }

    @Override
    public String decode(int... ids) {
        for (int id : ids) {
            if (id < 0 || id >= vocabularySize) {
                throw new TokenizerException("[decode] id " + id + " is not one of the " + vocabularySize + " of " + file);
            }
        }
        return library.decode(Arrays.stream(ids).asLongStream().toArray(), true);
    }

    @Override
    public int vocabularySize() {
        return vocabularySize;
    }

    @Override
    public OptionalInt bos() {
        return bos;
    }

    @Override
    public OptionalInt eos() {
        return eos;
    }

    @Override
    public String description() {
        return file + " (Hugging Face tokenizers, " + vocabularySize + " ids)";
    }

    @Override
    public void close() {
        library.close();
    }
}
