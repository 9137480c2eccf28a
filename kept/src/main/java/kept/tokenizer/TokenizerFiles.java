package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.io.InputFiles;
import kept.io.MistakenFile;
import kept.text.Counts;
import kept.text.VisibleText;

/**
 * Writes the tokenizer of a checkpoint into a Llama directory, so that transformers' {@code AutoTokenizer} produces the same ids as
 * {@link Tokenizer#load} without custom code from the checkpoint.
 *
 * <p>Written are {@code tokenizer.model} and {@code tokenizer.json} of the source, with {@code vocab.json} and {@code merges.txt} that are beside
 * it, a {@code tokenizer.json} built from the SentencePiece model if the source has none, {@code tokenizer_config.json}, {@code
 * special_tokens_map.json}, and the chat templates of the source or one given in the options. A built {@code tokenizer.json} is loaded unchanged by
 * the class {@code PreTrainedTokenizerFast}; {@code LlamaTokenizer} of transformers 5 would use only its pieces and insert no space before a text
 * that starts with one. {@link Options#llamaClass} names that class for software that requires it.
 *
 * <p>A byte-level {@code tokenizer.json} is loaded by the same class, whatever the source names: transformers 5 has other classes for some families
 * than for a Llama, and those of GPT-2 and GPT-NeoX take only vocabulary and merges from the file, with a splitting rule of their own.
 *
 * <p>A {@code tokenizer.json} is built only if it produces SentencePiece's ids on {@link ProbeTexts}. Otherwise the configuration names a class of
 * transformers that uses SentencePiece itself.
 *
 * <p>SentencePiece does not recognise special tokens in text; transformers does by default. {@code split_special_tokens} is therefore set, except if
 * there is a chat template, because rendered templates contain special tokens.
 */
public final class TokenizerFiles {
    /** File that names a tokenizer's class and special tokens, and often contains its chat template. */
    public static final String CONFIG_FILE = "tokenizer_config.json";
    /** File that contains a chat template; it takes precedence over the one in {@link #CONFIG_FILE}. */
    public static final String CHAT_TEMPLATE_FILE = "chat_template.jinja";
    /** File that names special tokens beside {@link #CONFIG_FILE}, as older releases of transformers write it. */
    static final String SPECIAL_TOKENS_FILE = "special_tokens_map.json";
    /** The tokens of a byte-level BPE by id, which transformers' classes without tokenizer.json read with {@link #MERGES_FILE}. */
    private static final String VOCABULARY_FILE = "vocab.json";
    private static final String MERGES_FILE = "merges.txt";
    private static final String TEMPLATE_KEY = "chat_template";
    private static final String CLASS_KEY = "tokenizer_class";
    private static final String GENERIC_CLASS = "PreTrainedTokenizerFast";
    private static final String LLAMA_CLASS = "LlamaTokenizer";
    private static final List<String> ALL =
            List.of(Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE, CONFIG_FILE, CHAT_TEMPLATE_FILE, SPECIAL_TOKENS_FILE, AddedTokens.FILE,
                    VOCABULARY_FILE, MERGES_FILE);
    /** The only class in transformers 4 and 5 that passes texts to SentencePiece unchanged. */
    private static final String SENTENCEPIECE_CLASS = "BertGenerationTokenizer";
    /** The file name under which that class looks for the model. */
    private static final String MODEL_OF_CLASS = "spiece.model";
    private static final List<String> SPECIAL_TOKENS = List.of("bos_token", "eos_token", "unk_token", "pad_token");
    /** Special tokens that chat templates can also refer to. */
    private static final List<String> OTHER_SPECIAL_TOKENS = List.of("sep_token", "cls_token", "mask_token");

    /**
     * Deviations from the source's tokenizer.
     *
     * @param chatTemplate a chat template that replaces those of the source; empty to keep the source's
     * @param llamaClass whether to name the class {@code LlamaTokenizer}, whose ids in transformers 5 differ from SentencePiece's for texts that
     *     start with a space
     */
    public record Options(Optional<String> chatTemplate, boolean llamaClass) {
        /** Keeps everything as in the source. */
        public static final Options NONE = new Options(Optional.empty(), false);
    }

    private final ObjectMapper json = new ObjectMapper();
    private final Options options;
    private final Path source;
    private final Path target;
    private final ObjectNode sourceConfig;
    private final List<String> notes = new ArrayList<>();

    private TokenizerFiles(Path source, Path target, Options options) throws IOException {
        this.options = options;
        this.source = source;
        this.target = target;
        this.sourceConfig = TokenizerSettings.config(source);
    }

    /**
     * Writes the tokenizer's files.
     *
     * @param source the directory of the source checkpoint
     * @param target the existing directory of the Llama checkpoint
     * @param maximumLength the maximum number of positions of the model, written as {@code model_max_length}
     * @param options deviations from the source
     * @return warnings for the user, one line each; usually empty
     * @throws TokenizerException if the source has no tokenizer, or the requested class cannot produce its ids, as {@code LlamaTokenizer} those of a
     *     byte-level one
     * @throws IOException if a file cannot be read or written
     */
    public static List<String> write(Path source, Path target, int maximumLength, Options options) throws IOException {
        requireWithin(source);
        var files = new TokenizerFiles(source, target, options);
        files.write(maximumLength);
        return List.copyOf(files.notes);
    }

    /**
     * Whether a checkpoint has a tokenizer. A file that cannot be read counts as one, so that it is reported.
     *
     * @param directory the checkpoint's
     * @return whether it has tokenizer.model or tokenizer.json
     */
    public static boolean isPresent(Path directory) {
        return Stream.of(Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE)
                .anyMatch(name -> Files.exists(directory.resolve(name), LinkOption.NOFOLLOW_LINKS));
    }

    /**
     * Says that a checkpoint has no tokenizer.
     *
     * @param directory the checkpoint's, for which {@link #isPresent} is false
     * @return the files that are missing, and what is known of the remedy
     */
    public static String missing(Path directory) {
        String absent = "%s has neither %s nor %s".formatted(directory, Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE);
        return !Files.exists(directory.resolve(VOCABULARY_FILE)) ? absent
                : "%s (%s and %s do not say how text is split into words; transformers makes a %s of them: AutoTokenizer.from_pretrained(DIR)"
                .formatted(absent, VOCABULARY_FILE, MERGES_FILE, Tokenizer.JSON_FILE) + ".save_pretrained(DIR))";
    }

    /**
     * Rejects tokenizer files that are links out of the directory, not regular files, or an error page or Git LFS pointer.
     *
     * @param directory the checkpoint's
     * @throws kept.io.FileException naming a link or a file that is not regular
     * @throws TokenizerException naming an error page or pointer
     */
    public static void requireWithin(Path directory) {
        for (String name : ALL) {
            InputFiles.find("tokenizer", directory, name)
                    .ifPresent(file -> (name.endsWith(".jinja") ? MistakenFile.pointer("tokenizer", file) : MistakenFile.kind("tokenizer", file))
                            .ifPresent(kind -> {
                                throw new TokenizerException("[tokenizer] " + file + ": " + kind);
                            }));
        }
    }

    private void write(int maximumLength) throws IOException {
        boolean hasModel = copy(Tokenizer.SENTENCEPIECE_FILE);
        boolean hasJson = copy(Tokenizer.JSON_FILE);
        if (!hasModel && !hasJson) {
            throw new TokenizerException("[tokenizer] " + missing(source) + ": copy the tokenizer of the checkpoint there");
        }
        if (hasJson) {
            copy(VOCABULARY_FILE);
            copy(MERGES_FILE);
        }
        boolean byteLevel = !hasModel && isByteLevel();
        if (options.llamaClass() && byteLevel) {
            throw new TokenizerException(("[tokenizer] %s: LlamaTokenizer of transformers 5 cannot give its ids, since it splits bytes of a text: "
                    + "leave out --llama-tokenizer").formatted(source.resolve(Tokenizer.JSON_FILE)));
        }
        ObjectNode config = sourceConfig.deepCopy();
        putTemplate(config);
        boolean hasTemplate = config.hasNonNull(TEMPLATE_KEY) || !ChatTemplateFiles.others(source).isEmpty();
        if (!hasJson) {
            AddedTokens.carryOver(source, config);
        }
        if (hasModel) {
            Path file = source.resolve(Tokenizer.SENTENCEPIECE_FILE);
            var model = SentencePieceModel.parse(Files.readAllBytes(file), file.toString());
            fillIn(config, model, hasTemplate);
            PostProcessor around = PostProcessor.of(TokenizerSettings.readJson(source.resolve(Tokenizer.JSON_FILE)));
            putMissing(config, "add_bos_token", around.bos().equals(Optional.of(content(config.path("bos_token")))));
            putMissing(config, "add_eos_token", around.eos().equals(Optional.of(content(config.path("eos_token")))));
            if (hasJson) {
                compare(model, file);
                noteAdded(model);
            } else {
                writeJsonOrClass(model, file, config);
            }
        }
        boolean codeOfItsOwn = config.remove("auto_map") != null;
        if (codeOfItsOwn || byteLevel || !config.has(CLASS_KEY)) {
            config.put(CLASS_KEY, GENERIC_CLASS);
        }
        if (options.llamaClass()) {
            // With legacy, the text after a special token starts with SentencePiece's space.
            config.put(CLASS_KEY, LLAMA_CLASS).put("legacy", true);
        }
        config.put("clean_up_tokenization_spaces", config.path("clean_up_tokenization_spaces").asBoolean(false));
        config.put("model_max_length", maximumLength);
        writeJson(CONFIG_FILE, config);
        ObjectNode specialTokens = json.createObjectNode();
        SPECIAL_TOKENS.stream().filter(config::hasNonNull).forEach(token -> specialTokens.put(token, content(config.get(token))));
        writeJson(SPECIAL_TOKENS_FILE, specialTokens);
    }

    /** Whether the source's tokenizer.json represents bytes by characters of their own, as GPT-2 does it. */
    private boolean isByteLevel() throws IOException {
        return TokenizerSettings.readJson(source.resolve(Tokenizer.JSON_FILE)).path("pre_tokenizer").findValuesAsText("type").contains("ByteLevel");
    }

    /** Writes the chat template into the configuration, which all releases of transformers read, and into its own file if the source has one. */
    private void putTemplate(ObjectNode config) throws IOException {
        SequencedMap<String, ChatTemplateFiles.Named> templates = ChatTemplateFiles.read(source);
        if (options.chatTemplate().isPresent()) {
            config.put(TEMPLATE_KEY, options.chatTemplate().get());
            templates.remove(ChatTemplateFiles.DEFAULT);
            if (!templates.isEmpty()) {
                notes.add("--chat-template takes the place of all chat templates of the source; left out are those of other names: "
                        + String.join(", ", templates.keySet()));
            }
            return;
        }
        if (copy(CHAT_TEMPLATE_FILE)) {
            config.put(TEMPLATE_KEY, templates.get(ChatTemplateFiles.DEFAULT).text());
        }
        for (Path other : ChatTemplateFiles.others(source).values()) {
            Files.createDirectories(target.resolve(ChatTemplateFiles.FOLDER));
            copy(source.relativize(other).toString());
        }
    }

    /**
     * Completes settings that the source's configuration lacks, from the model, or with Orion's own settings (padding with the unknown token).
     */
    private static void fillIn(ObjectNode config, SentencePieceModel model, boolean hasTemplate) {
        putMissing(config, "bos_token", model.control(model.bosPiece()).isPresent() ? model.bosPiece() : null);
        putMissing(config, "eos_token", model.control(model.eosPiece()).isPresent() ? model.eosPiece() : null);
        putMissing(config, "unk_token", model.unknownPiece());
        putMissing(config, "pad_token", model.unknownPiece());
        if (!config.has("split_special_tokens") && !hasTemplate) {
            config.put("split_special_tokens", true);
        }
    }

    private static void putMissing(ObjectNode config, String key, String value) {
        if (!config.hasNonNull(key) && value != null) {
            config.put(key, value);
        }
    }

    private static void putMissing(ObjectNode config, String key, boolean value) {
        if (!config.path(key).isBoolean()) {
            config.put(key, value);
        }
    }

    /** Writes a tokenizer.json if it produces SentencePiece's ids; otherwise names the class of transformers that uses SentencePiece. */
    private void writeJsonOrClass(SentencePieceModel model, Path file, ObjectNode config) throws IOException {
        Optional<String> obstacle = obstacle(model, file);
        if (obstacle.isEmpty()) {
            OptionalInt bos = config.get("add_bos_token").asBoolean() ? model.control(content(config.get("bos_token"))) : OptionalInt.empty();
            OptionalInt eos = config.get("add_eos_token").asBoolean() ? model.control(content(config.get("eos_token"))) : OptionalInt.empty();
            config.put(CLASS_KEY, GENERIC_CLASS);
            ObjectNode built = new TokenizerJson(model).build(bos, eos);
            writeJson(Tokenizer.JSON_FILE, built);
            noteDecoding(model, file, built);
            return;
        }
        if (options.llamaClass()) {
            throw new TokenizerException(("[tokenizer] %s: LlamaTokenizer cannot give its ids, since no %s is written (%s): "
                    + "leave out --llama-tokenizer").formatted(file, Tokenizer.JSON_FILE, obstacle.get()));
        }
        Files.write(target.resolve(MODEL_OF_CLASS), Files.readAllBytes(file));
        config.put(CLASS_KEY, SENTENCEPIECE_CLASS).putNull("sep_token");
        boolean addsTokens = config.get("add_bos_token").asBoolean() || config.get("add_eos_token").asBoolean();
        notes.add(("%s is not written: %s. transformers reads the model through its class %s, with SentencePiece's ids; "
                + "there, decode with sp_model.decode%s").formatted(Tokenizer.JSON_FILE, obstacle.get(), SENTENCEPIECE_CLASS,
                        addsTokens ? ", and add bos and eos yourself" : ""));
    }

    /** Explains why no tokenizer.json produces the ids of a model; empty if one does. */
    private static Optional<String> obstacle(SentencePieceModel model, Path file) throws IOException {
        if (!model.isBpe() || model.whitespaceAsSuffix() || !model.escapesSpaces()) {
            return Optional.of(Tokenizer.SENTENCEPIECE_FILE + (!model.isBpe() ? " is a " + model.kind() + " model"
                    : model.whitespaceAsSuffix() ? " puts spaces at the end of words (treat_whitespace_as_suffix)"
                    : " keeps spaces (escape_whitespaces)"));
        }
        ObjectNode plain = new TokenizerJson(model).build(OptionalInt.empty(), OptionalInt.empty());
        plain.putArray("added_tokens");     // as split_special_tokens reads special tokens in a text
        try (Tokenizer exact = SentencePieceTokenizer.load(file);
                Tokenizer built = JsonTokenizer.of(plain, JsonNodeFactory.instance.objectNode(), file)) {
            var comparison = ProbeTexts.Comparison.of(ProbeTexts.of(model), exact, built);
            return comparison.different() == 0 ? Optional.empty() : Optional.of("it would have " + comparison.inWords());
        } catch (TokenizerException e) {
            return Optional.of("none can be built: " + e.getMessage());
        }
    }

    /** Warns about what a tokenizer.json cannot represent: SentencePiece's text for unknown pieces, U+2581 in a text, and leading spaces. */
    private void noteDecoding(SentencePieceModel model, Path file, ObjectNode built) throws IOException {
        try (Tokenizer exact = SentencePieceTokenizer.load(file);
                Tokenizer json = JsonTokenizer.of(built, JsonNodeFactory.instance.objectNode(), file)) {
            var comparison = ProbeTexts.Comparison.ofDecoding(ProbeTexts.of(model), exact, json);
            if (comparison.different() > 0) {
                notes.add("%s gives SentencePiece's ids, but decodes those of %d of %d hard texts otherwise (unknown pieces, U+2581, spaces at the "
                        .formatted(Tokenizer.JSON_FILE, comparison.different(), comparison.tried())
                        + "beginning), such as of \"%s\"".formatted(comparison.shown()));
            }
        }
    }

    /** transformers recognises added tokens that are not special in any text, which SentencePiece does not. */
    private void noteAdded(SentencePieceModel model) throws IOException {
        Set<String> symbols = model.pieces().stream().filter(piece -> piece.type() == SentencePieceModel.Type.USER_DEFINED)
                .map(SentencePieceModel.Piece::text).collect(Collectors.toSet());
        List<String> plain = TokenizerSettings.readJson(source.resolve(Tokenizer.JSON_FILE)).path("added_tokens").valueStream()
                .filter(token -> !token.path("special").asBoolean()).map(token -> token.path("content").asText())
                .filter(text -> !symbols.contains(text)).toList();
        if (!plain.isEmpty()) {
            notes.add("%s of the source has %s, which transformers finds in any text and SentencePiece does not (the first: %s)".formatted(
                    Tokenizer.JSON_FILE, Counts.of(plain.size(), "added token that is not special", "added tokens that are not special"),
                    VisibleText.quoted(plain.getFirst())));
        }
    }

    /** Warns if two files of the source disagree. Only tokenizer.json recognises special tokens in a text, so texts that contain them are skipped. */
    private void compare(SentencePieceModel model, Path file) {
        Path other = source.resolve(Tokenizer.JSON_FILE);
        try (Tokenizer exact = SentencePieceTokenizer.load(file); JsonTokenizer json = JsonTokenizer.load(other)) {
            List<String> texts = ProbeTexts.of(model).stream().filter(text -> !json.containsAddedToken(text)).toList();
            var comparison = ProbeTexts.Comparison.of(texts, exact, json);
            if (comparison.different() > 0) {
                notes.add("%s of the source, which transformers reads, gives %s".formatted(Tokenizer.JSON_FILE, comparison.inWords()));
            }
        } catch (TokenizerException e) {
            notes.add("%s of the source is copied as it is, but could not be compared: %s".formatted(Tokenizer.JSON_FILE, e.getMessage()));
        }
    }

    /** The special tokens of a configuration, by name. */
    static Map<String, String> specialTokens(JsonNode config) {
        var specialTokens = new HashMap<String, String>();
        Stream.concat(SPECIAL_TOKENS.stream(), OTHER_SPECIAL_TOKENS.stream()).filter(config::hasNonNull)
                .forEach(token -> specialTokens.put(token, content(config.get(token))));
        return Map.copyOf(specialTokens);
    }

    /** A special token is given as its text or as an object that contains it. */
    static String content(JsonNode token) {
        return token.isObject() ? token.path("content").asText() : token.asText();
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
