package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
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
 * Writes the tokenizer of a checkpoint into a Llama directory so that transformers' {@code AutoTokenizer}, with no code of the checkpoint's
 * own, gives the same ids as {@link Tokenizer#load}.
 *
 * <p>What is written: {@code tokenizer.model} and {@code tokenizer.json} as the source has them, a {@code tokenizer.json} built from the
 * SentencePiece model where the source has none, {@code tokenizer_config.json}, {@code special_tokens_map.json}, and the chat templates of
 * the source, if any, or one that was asked for. A built {@code tokenizer.json} is loaded as it is, through the class
 * {@code PreTrainedTokenizerFast}: {@code LlamaTokenizer} of transformers 5 would take only its pieces and put no space before a text that begins
 * with one. Who needs that class by name can have it named ({@link Options#llamaClass}).
 *
 * <p>A {@code tokenizer.json} is built only if it gives SentencePiece's ids on {@link HardTexts}. Else a class of transformers is named that reads
 * the model through SentencePiece itself.
 *
 * <p>SentencePiece knows no marks inside text, transformers by default does. {@code split_special_tokens} is therefore set, and left unset
 * where there is a chat template, since a rendered template holds marks that must be read as such.
 */
public final class TokenizerFiles {
    /** The file that names a tokenizer's class and marks, and often holds its chat template. */
    public static final String CONFIG_FILE = "tokenizer_config.json";
    /** The file that holds a chat template alone; it goes before the one in {@link #CONFIG_FILE}. */
    public static final String CHAT_TEMPLATE_FILE = "chat_template.jinja";
    private static final String MARKS_FILE = "special_tokens_map.json";
    private static final String TEMPLATE_KEY = "chat_template";
    private static final String CLASS_KEY = "tokenizer_class";
    private static final String GENERIC_CLASS = "PreTrainedTokenizerFast";
    private static final String LLAMA_CLASS = "LlamaTokenizer";
    private static final List<String> ALL =
            List.of(Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE, CONFIG_FILE, CHAT_TEMPLATE_FILE, MARKS_FILE, AddedTokens.FILE);
    /** Of all classes of transformers 4 and 5 the one that hands texts to SentencePiece as they are. */
    private static final String SENTENCEPIECE_CLASS = "BertGenerationTokenizer";
    /** The name under which that class looks for the model. */
    private static final String MODEL_OF_CLASS = "spiece.model";
    private static final List<String> MARKS = List.of("bos_token", "eos_token", "unk_token", "pad_token");
    /** Marks that chat templates can name too. */
    private static final List<String> OTHER_MARKS = List.of("sep_token", "cls_token", "mask_token");

    /**
     * What to write otherwise than the source has it.
     *
     * @param chatTemplate a chat template that takes the place of the source's; empty to keep the source's, if it has one
     * @param llamaClass whether to name the class {@code LlamaTokenizer}, whose ids differ from SentencePiece's in transformers 5 for texts that
     *     begin with a space
     */
    public record Options(Optional<String> chatTemplate, boolean llamaClass) {
        /** Everything as the source has it. */
        public static final Options NONE = new Options(Optional.empty(), false);
    }

    private final ObjectMapper json = new ObjectMapper();
    private final Options options;
    private final Path source;
    private final Path target;
    private final ObjectNode sourceConfig;
    private final List<String> remarks = new ArrayList<>();

    private TokenizerFiles(Path source, Path target, Options options) throws IOException {
        this.options = options;
        this.source = source;
        this.target = target;
        Path config = source.resolve(CONFIG_FILE);
        if (!(TokenizerSettings.readJson(config) instanceof ObjectNode object)) {
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
     * @param options what to write otherwise than the source has it
     * @return what a user should know of them, a line for each; empty where nothing is unusual
     * @throws TokenizerException if the source has no tokenizer, or one that the class that was asked for cannot give the ids of
     * @throws IOException if a file cannot be read or written
     */
    public static List<String> write(Path source, Path target, int maximumLength, Options options) throws IOException {
        requireWithin(source);
        var files = new TokenizerFiles(source, target, options);
        files.write(maximumLength);
        return List.copyOf(files.remarks);
    }

    /**
     * Refuses files of a tokenizer that are links out of its directory, no regular files, or a page or pointer in place of the file.
     *
     * @param directory the checkpoint's
     * @throws kept.io.CheckpointException naming a link or what is no regular file
     * @throws TokenizerException naming a page or pointer
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
            throw new TokenizerException("[tokenizer] " + source + " has neither " + Tokenizer.SENTENCEPIECE_FILE + " nor " + Tokenizer.JSON_FILE
                    + ": copy the tokenizer of the checkpoint there");
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
            if (hasJson) {
                compare(model, file);
                remarkAdded(model);
            } else {
                writeJsonOrClass(model, file, config);
            }
        }
        boolean codeOfItsOwn = config.remove("auto_map") != null;
        if (codeOfItsOwn || !config.has(CLASS_KEY)) {
            config.put(CLASS_KEY, GENERIC_CLASS);
        }
        if (options.llamaClass()) {
            // legacy: a text between marks begins with SentencePiece's space too.
            config.put(CLASS_KEY, LLAMA_CLASS).put("legacy", true);
        }
        config.put("clean_up_tokenization_spaces", config.path("clean_up_tokenization_spaces").asBoolean(false));
        config.put("model_max_length", maximumLength);
        writeJson(CONFIG_FILE, config);
        ObjectNode marks = json.createObjectNode();
        MARKS.stream().filter(config::hasNonNull).forEach(mark -> marks.put(mark, content(config.get(mark))));
        writeJson(MARKS_FILE, marks);
    }

    /** The chat template, in the configuration for all releases of transformers, and in a file of its own where the source has it so. */
    private void putTemplate(ObjectNode config) throws IOException {
        SequencedMap<String, ChatTemplateFiles.Named> templates = ChatTemplateFiles.read(source);
        if (options.chatTemplate().isPresent()) {
            config.put(TEMPLATE_KEY, options.chatTemplate().get());
            templates.remove(ChatTemplateFiles.DEFAULT);
            if (!templates.isEmpty()) {
                remarks.add("--chat-template takes the place of all chat templates of the source; left out are those of other names: "
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

    /** A tokenizer.json where it gives SentencePiece's ids; else the class of transformers that reads the model through SentencePiece itself. */
    private void writeJsonOrClass(SentencePieceModel model, Path file, ObjectNode config) throws IOException {
        Optional<String> obstacle = obstacle(model, file);
        if (obstacle.isEmpty()) {
            OptionalInt bos = config.get("add_bos_token").asBoolean() ? model.control(content(config.get("bos_token"))) : OptionalInt.empty();
            OptionalInt eos = config.get("add_eos_token").asBoolean() ? model.control(content(config.get("eos_token"))) : OptionalInt.empty();
            config.put(CLASS_KEY, GENERIC_CLASS);
            ObjectNode built = new TokenizerJson(model).build(bos, eos);
            writeJson(Tokenizer.JSON_FILE, built);
            remarkDecoding(model, file, built);
            return;
        }
        if (options.llamaClass()) {
            throw new TokenizerException(("[tokenizer] %s: LlamaTokenizer cannot give its ids, since no %s is written (%s): "
                    + "leave out --llama-tokenizer").formatted(file, Tokenizer.JSON_FILE, obstacle.get()));
        }
        Files.write(target.resolve(MODEL_OF_CLASS), Files.readAllBytes(file));
        config.put(CLASS_KEY, SENTENCEPIECE_CLASS).putNull("sep_token");
        boolean marked = config.get("add_bos_token").asBoolean() || config.get("add_eos_token").asBoolean();
        remarks.add(("%s is not written: %s. transformers reads the model through its class %s, with SentencePiece's ids; "
                + "there, decode with sp_model.decode%s").formatted(Tokenizer.JSON_FILE, obstacle.get(), SENTENCEPIECE_CLASS,
                        marked ? ", and add bos and eos yourself" : ""));
    }

    /** Why no tokenizer.json gives the ids of a model. */
    private static Optional<String> obstacle(SentencePieceModel model, Path file) throws IOException {
        if (!model.isBpe() || model.whitespaceAsSuffix() || !model.escapesSpaces()) {
            return Optional.of(Tokenizer.SENTENCEPIECE_FILE + (!model.isBpe() ? " is a " + model.kind() + " model"
                    : model.whitespaceAsSuffix() ? " puts spaces at the end of words (treat_whitespace_as_suffix)"
                    : " keeps spaces (escape_whitespaces)"));
        }
        ObjectNode plain = new TokenizerJson(model).build(OptionalInt.empty(), OptionalInt.empty());
        plain.putArray("added_tokens");     // as split_special_tokens reads marks in a text
        try (Tokenizer exact = SentencePieceTokenizer.load(file);
                Tokenizer built = JsonTokenizer.of(plain, JsonNodeFactory.instance.objectNode(), file)) {
            var comparison = HardTexts.Comparison.of(HardTexts.of(model), exact, built);
            return comparison.different() == 0 ? Optional.empty() : Optional.of("it would have " + comparison.inWords());
        } catch (TokenizerException e) {
            return Optional.of("none can be built: " + e.getMessage());
        }
    }

    /** What a tokenizer.json cannot carry: how SentencePiece writes unknown pieces, the mark of a space in a text, and spaces at the beginning. */
    private void remarkDecoding(SentencePieceModel model, Path file, ObjectNode built) throws IOException {
        try (Tokenizer exact = SentencePieceTokenizer.load(file);
                Tokenizer json = JsonTokenizer.of(built, JsonNodeFactory.instance.objectNode(), file)) {
            var comparison = HardTexts.Comparison.ofDecoding(HardTexts.of(model), exact, json);
            if (comparison.different() > 0) {
                remarks.add("%s gives SentencePiece's ids, but decodes those of %d of %d hard texts otherwise (unknown pieces, U+2581, spaces at the "
                        .formatted(Tokenizer.JSON_FILE, comparison.different(), comparison.tried())
                        + "beginning), such as of \"%s\"".formatted(comparison.shown()));
            }
        }
    }

    /** Added tokens that are no marks are found in texts even where marks are not, and SentencePiece knows none of them. */
    private void remarkAdded(SentencePieceModel model) throws IOException {
        Set<String> symbols = model.pieces().stream().filter(piece -> piece.type() == SentencePieceModel.Type.USER_DEFINED)
                .map(SentencePieceModel.Piece::text).collect(Collectors.toSet());
        List<String> plain = TokenizerSettings.readJson(source.resolve(Tokenizer.JSON_FILE)).path("added_tokens").valueStream()
                .filter(token -> !token.path("special").asBoolean()).map(token -> token.path("content").asText())
                .filter(text -> !symbols.contains(text)).toList();
        if (!plain.isEmpty()) {
            remarks.add("%s of the source has %s, which transformers finds in any text and SentencePiece does not (the first: %s)".formatted(
                    Tokenizer.JSON_FILE, Counts.of(plain.size(), "added token that is not special", "added tokens that are not special"),
                    VisibleText.quoted(plain.getFirst())));
        }
    }

    /** Tells where two files of the source are not of one mind. Marks in a text are marks to tokenizer.json alone, so such texts are left out. */
    private void compare(SentencePieceModel model, Path file) {
        Path other = source.resolve(Tokenizer.JSON_FILE);
        try (Tokenizer exact = SentencePieceTokenizer.load(file); JsonTokenizer json = JsonTokenizer.load(other)) {
            List<String> texts = HardTexts.of(model).stream().filter(text -> !json.hasMark(text)).toList();
            var comparison = HardTexts.Comparison.of(texts, exact, json);
            if (comparison.different() > 0) {
                remarks.add("%s of the source, which transformers reads, gives %s".formatted(Tokenizer.JSON_FILE, comparison.inWords()));
            }
        } catch (TokenizerException e) {
            remarks.add("%s of the source is copied as it is, but could not be compared: %s".formatted(Tokenizer.JSON_FILE, e.getMessage()));
        }
    }

    /** The marks that a configuration names, by their names. */
    static Map<String, String> marks(JsonNode config) {
        var marks = new HashMap<String, String>();
        Stream.concat(MARKS.stream(), OTHER_MARKS.stream()).filter(config::hasNonNull).forEach(mark -> marks.put(mark, content(config.get(mark))));
        return Map.copyOf(marks);
    }

    /** The marks that a tokenizer_config.json names, none if there is no such file. */
    static Map<String, String> marks(Path config) throws IOException {
        return marks(TokenizerSettings.readJson(config));
    }

    /** A mark is named by its text, or by an object that holds its text. */
    static String content(JsonNode mark) {
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
