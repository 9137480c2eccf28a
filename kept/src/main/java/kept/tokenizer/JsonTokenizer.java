package kept.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import kept.text.Json;
import kept.text.Reasons;

/**
 * A {@code tokenizer.json}, used through Hugging Face's native library. Its special tokens are named in the files beside it
 * ({@link TokenizerSettings#config}); the ids of bos and eos are else those of the model ({@link ModelTokens}).
 */
final class JsonTokenizer implements Tokenizer {
    /** The library's regex engine aborts the process after ten million backtracking steps; common patterns need two per space. */
    private static final int MAX_TEXT_LENGTH = 4_000_000;
    /** The library takes 17 bytes for each byte of a normalised text, and ends the process where it gets no memory. */
    private static final long MAX_NORMALIZED_LENGTH = 1L << 28;

    private final Path file;
    private final HuggingFaceTokenizer library;
    private final int vocabularySize;
    private final int longestText;
    private final OptionalInt bos;
    private final OptionalInt eos;
    private final boolean addsBos;
    private final Map<String, String> specialTokens;
    private final List<String> added;
    private final Set<String> specialTexts;

    private JsonTokenizer(Path file, HuggingFaceTokenizer library, SafeTokenizerJson.Reduced tokenizer, PostProcessor around, JsonNode config,
            ModelTokens model) {
        Map<String, Integer> ids = ids(tokenizer.json());
        this.longestText = (int) Math.min(MAX_TEXT_LENGTH, MAX_NORMALIZED_LENGTH / tokenizer.growth());
        this.added = tokenizer.json().path("added_tokens").valueStream().map(token -> token.path("content").asText()).toList();
        this.specialTexts = tokenizer.json().path("added_tokens").valueStream().filter(token -> token.path("special").asBoolean())
                .map(token -> token.path("content").asText()).filter(text -> !text.isEmpty()).collect(Collectors.toUnmodifiableSet());
        this.file = file;
        this.library = library;
        this.vocabularySize = 1 + ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1);
        this.bos = specialId(config.path("bos_token"), ids, id(ids, around.bos()), model.bos());
        this.eos = specialId(config.path("eos_token"), ids, id(ids, around.eos()), model.eos());
        this.addsBos = bos.isPresent() && id(ids, around.bos()).equals(bos);
        this.specialTokens = TokenizerFiles.specialTokens(config);
    }

    static JsonTokenizer load(Path file) {
        Path directory = file.toAbsolutePath().getParent();
        try {
            JsonNode config = TokenizerSettings.config(directory);
            boolean named = config.hasNonNull("bos_token") && config.hasNonNull("eos_token");
            return of(TokenizerSettings.readJson(file), config, named ? ModelTokens.NONE : ModelTokens.read(directory), file);
        } catch (IOException e) {
            throw new TokenizerException("[tokenizer] %s or a file of settings beside it cannot be read: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    /**
     * Creates a tokenizer from content in memory.
     *
     * @param tokenizer the content of a {@code tokenizer.json}
     * @param config the content of the matching {@code tokenizer_config.json}
     * @param file the file's name, for messages
     */
    static JsonTokenizer of(JsonNode tokenizer, JsonNode config, Path file) {
        return of(tokenizer, config, ModelTokens.NONE, file);
    }

    private static JsonTokenizer of(JsonNode tokenizer, JsonNode config, ModelTokens model, Path file) {
        SafeTokenizerJson.Reduced safe = SafeTokenizerJson.of(tokenizer, file.toString());
        if (ids(safe.json()).isEmpty()) {
            throw new TokenizerException("[tokenizer] " + file + " has no vocabulary: it is not a tokenizer.json of Hugging Face tokenizers");
        }
        NativeLibraries.prepare();
        try (var input = new ByteArrayInputStream(Json.write(safe.json()).getBytes(StandardCharsets.UTF_8))) {
            // By default DJL truncates texts to 512 ids and adds special tokens.
            var options = Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");
            return new JsonTokenizer(file, HuggingFaceTokenizer.newInstance(input, options), safe, PostProcessor.of(tokenizer), config, model);
        } catch (LinkageError | IllegalStateException | EngineException e) {
            throw new TokenizerException("[tokenizer] Hugging Face's native library does not load: " + e
                    + "; DJL unpacks it to ~/.djl.ai (DJL_CACHE_DIR chooses another place), which must be writable", e);
        } catch (IOException | RuntimeException e) {
            throw new TokenizerException("[tokenizer] %s is refused by Hugging Face tokenizers: %s"
                    .formatted(file, TokenizerException.oneLine(e.getMessage())), e);
        }
    }

    /** The id of each token: the model's vocabulary (an object; for unigram models a list in id order) and the added tokens. */
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

    /**
     * A special token is given as its text or as an object that contains it. Where it is not named, the one that is added to each text counts, or
     * else the model's id of it.
     */
    private OptionalInt specialId(JsonNode name, Map<String, Integer> ids, OptionalInt added, OptionalInt ofModel) {
        if (name.isMissingNode() || name.isNull()) {
            OptionalInt otherwise = added.isPresent() ? added : ofModel;
            return otherwise.isPresent() && otherwise.getAsInt() < vocabularySize ? otherwise : OptionalInt.empty();
        }
        return id(ids, Optional.of(TokenizerFiles.content(name)));
    }

    private static OptionalInt id(Map<String, Integer> ids, Optional<String> text) {
        return text.map(ids::get).map(OptionalInt::of).orElse(OptionalInt.empty());
    }

    @Override
    public int[] encode(String text) {
        if (text.length() > longestText) {
            throw new TokenizerException("[encode] a text of %,d characters is too long for %s, which takes %,d at once: cut it into several"
                    .formatted(text.length(), file, longestText));
        }
        try {
            return Arrays.stream(library.encode(text, false, false).getIds()).mapToInt(Math::toIntExact).toArray();
        } catch (RuntimeException e) {
            throw new TokenizerException("[encode] %s cannot encode a text: %s".formatted(file, TokenizerException.oneLine(e.getMessage())), e);
        }
    }

    /** Whether a text contains an added token. */
    boolean containsAddedToken(String text) {
        return added.stream().anyMatch(text::contains);
    }

    @Override
    public Map<String, String> specialTokens() {
        return specialTokens;
    }

    @Override
    public Set<String> specialTexts() {
        return specialTexts;
    }

    @Override
    public String decode(int... ids) {
        return library.decode(Arrays.stream(Tokenizer.withTexts(vocabularySize, ids)).asLongStream().toArray(), true);
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
    public boolean addsBos() {
        return addsBos;
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
