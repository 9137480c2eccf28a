package kept.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * Writes the tokenizer of a checkpoint into a Llama directory so that transformers' {@code AutoTokenizer}, with no code of the checkpoint's
 * own, gives the same ids as {@link Tokenizer#load}.
 *
 * <p>What is written: {@code tokenizer.model} and {@code tokenizer.json} as the source has them, a {@code tokenizer.json} built from the
 * SentencePiece model where the source has none, {@code tokenizer_config.json}, {@code special_tokens_map.json}, and the chat template of
 * the source, if any. A built {@code tokenizer.json} is loaded as it is, through the class {@code PreTrainedTokenizerFast}:
 * {@code LlamaTokenizer} would take only its pieces and treat spaces at the beginning of a text otherwise than SentencePiece.
 *
 * <p>SentencePiece knows no marks inside text, transformers by default does. {@code split_special_tokens} is therefore set, and left unset
 * where the source has a chat template, since a rendered template holds marks that must be read as such.
 */
public final class TokenizerFiles {
    static final String CONFIG_FILE = "tokenizer_config.json";
    private static final String MARKS_FILE = "special_tokens_map.json";
    static final String CHAT_TEMPLATE_FILE = "chat_template.jinja";
    private static final String GENERIC_CLASS = "PreTrainedTokenizerFast";
    private static final List<String> MARKS = List.of("bos_token", "eos_token", "unk_token", "pad_token");

    private final ObjectMapper json = new ObjectMapper();
    private final Path source;
    private final Path target;
    private final ObjectNode sourceConfig;

    private TokenizerFiles(Path source, Path target) throws IOException {
        this.source = source;
        this.target = target;
        Path config = source.resolve(CONFIG_FILE);
        JsonNode read;
        try {
            read = Files.isRegularFile(config) ? json.readTree(config.toFile()) : json.createObjectNode();
        } catch (JsonProcessingException e) {
            throw new TokenizerException("[tokenizer] " + config + " is not JSON: " + e.getOriginalMessage(), e);
        }
        if (!(read instanceof ObjectNode object)) {
            throw new TokenizerException("[tokenizer] " + config + " is not a JSON object");
        }
        this.sourceConfig = object;
    }

    /**
     * Writes the tokenizer's files.
     *
     * @param source the directory of the checkpoint the tokenizer comes from
     * @param target the directory of the Llama checkpoint, which exists
     * @param maximumLength the most positions the model was made for, written as {@code model_max_length}
     * @throws TokenizerException if the source has no tokenizer, or it has only a SentencePiece model that is not BPE
     * @throws IOException if a file cannot be read or written
     */
    public static void write(Path source, Path target, int maximumLength) throws IOException {
        new TokenizerFiles(source, target).write(maximumLength);
    }

    private void write(int maximumLength) throws IOException {
        boolean hasModel = copy(Tokenizer.SENTENCEPIECE_FILE);
        boolean hasJson = copy(Tokenizer.JSON_FILE);
        boolean hasTemplate = copy(CHAT_TEMPLATE_FILE) || sourceConfig.has("chat_template");
        if (!hasModel && !hasJson) {
            throw new TokenizerException("[tokenizer] " + source + " has neither " + Tokenizer.SENTENCEPIECE_FILE + " nor " + Tokenizer.JSON_FILE
                    + ": copy the tokenizer of the checkpoint there");
        }
        ObjectNode config = sourceConfig.deepCopy();
        if (hasModel) {
            Path file = source.resolve(Tokenizer.SENTENCEPIECE_FILE);
            var model = SentencePieceModel.parse(Files.readAllBytes(file), file.toString());
            fillIn(config, model, hasTemplate);
            if (!hasJson) {
                config.put("tokenizer_class", GENERIC_CLASS);
                writeJson(Tokenizer.JSON_FILE, built(model, file, config));
            }
        }
        boolean codeOfItsOwn = config.remove("auto_map") != null;
        if (codeOfItsOwn || !config.has("tokenizer_class")) {
            config.put("tokenizer_class", GENERIC_CLASS);
        }
        config.put("clean_up_tokenization_spaces", config.path("clean_up_tokenization_spaces").asBoolean(false));
        config.put("model_max_length", maximumLength);
        writeJson(CONFIG_FILE, config);
        ObjectNode marks = json.createObjectNode();
        MARKS.stream().filter(config::hasNonNull).forEach(mark -> marks.put(mark, content(config.get(mark))));
        writeJson(MARKS_FILE, marks);
    }

    /** What the source's configuration leaves open, from the model; Orion's own settings (no marks added, padding by the unknown piece) else. */
    private static void fillIn(ObjectNode config, SentencePieceModel model, boolean hasTemplate) {
        putMissing(config, "bos_token", model.control(model.bosPiece()).isPresent() ? model.bosPiece() : null);
        putMissing(config, "eos_token", model.control(model.eosPiece()).isPresent() ? model.eosPiece() : null);
        putMissing(config, "unk_token", model.unknownPiece());
        putMissing(config, "pad_token", model.unknownPiece());
        config.put("add_bos_token", config.path("add_bos_token").asBoolean(false));
        config.put("add_eos_token", config.path("add_eos_token").asBoolean(false));
        if (!config.has("split_special_tokens") && !hasTemplate) {
            config.put("split_special_tokens", true);
        }
    }

    private static void putMissing(ObjectNode config, String key, String value) {
        if (!config.hasNonNull(key) && value != null) {
            config.put(key, value);
        }
    }

    private static ObjectNode built(SentencePieceModel model, Path file, ObjectNode config) {
        if (!model.isBpe()) {
            throw new TokenizerException("[tokenizer] " + file + " is a unigram model, from which no " + Tokenizer.JSON_FILE
                    + " is built: put the checkpoint's own beside it");
        }
        OptionalInt bos = config.get("add_bos_token").asBoolean() ? model.control(content(config.get("bos_token"))) : OptionalInt.empty();
        OptionalInt eos = config.get("add_eos_token").asBoolean() ? model.control(content(config.get("eos_token"))) : OptionalInt.empty();
        return new TokenizerJson(model).build(bos, eos);
    }

    /** A mark is named by its text, or by an object that holds its text. */
    private static String content(JsonNode mark) {
        return mark.isObject() ? mark.path("content").asText() : mark.asText();
    }

    private boolean copy(String name) throws IOException {
        Path file = source.resolve(name);
        if (!Files.isRegularFile(file)) {
            return false;
        }
        Files.write(target.resolve(name), Files.readAllBytes(file));     // not the file's permissions, which may be read-only
        return true;
    }

    private void writeJson(String name, ObjectNode content) throws IOException {
        Files.writeString(target.resolve(name), json.writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n");
    }
}
