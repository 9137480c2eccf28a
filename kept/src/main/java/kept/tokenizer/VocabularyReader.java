package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import kept.text.Counts;
import kept.text.Reasons;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.Vocabulary.Kind;
import kept.tokenizer.Vocabulary.Token;

/** Reads a {@link Vocabulary} from a checkpoint directory: from {@code tokenizer.model} if it exists, else from {@code tokenizer.json}. */
final class VocabularyReader {
    /** The score of added tokens, which are matched as a whole and never merged. */
    private static final float NO_SCORE = -1000;
    private static final int MAX_GAP = 1_000_000;

    private final Path directory;
    private final TokenizerSettings settings;
    private final List<Token> tokens = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    private VocabularyReader(Path directory) throws IOException {
        this.directory = directory;
        this.settings = TokenizerSettings.read(directory);
    }

    static Vocabulary read(Path directory) {
        TokenizerFiles.requireWithin(directory);
        Path model = directory.resolve(Tokenizer.SENTENCEPIECE_FILE);
        Path json = directory.resolve(Tokenizer.JSON_FILE);
        try {
            if (Files.isRegularFile(model)) {
                return new VocabularyReader(directory).fromSentencePiece(model);
            }
            if (Files.isRegularFile(json)) {
                return new VocabularyReader(directory).fromJson(json);
            }
        } catch (IOException e) {
            throw new TokenizerException("[tokenizer] the tokenizer of " + directory + " cannot be read: " + Reasons.of(e), e);
        }
        throw new TokenizerException("[tokenizer] " + TokenizerFiles.missing(directory) + ": copy the tokenizer of the checkpoint there");
    }

    private Vocabulary fromSentencePiece(Path file) throws IOException {
        var model = SentencePieceModel.parse(Files.readAllBytes(file), file.toString());
        if (!model.isBpe() || model.whitespaceAsSuffix()) {
            throw new TokenizerException("[tokenizer] " + file + (model.isBpe() ? " puts spaces at the end of words (treat_whitespace_as_suffix)"
                    : " is a " + model.kind() + " model") + ", which cannot be carried over; only BPE with spaces before words can");
        }
        if (!model.escapesSpaces()) {
            throw new TokenizerException("[tokenizer] " + file + " keeps spaces as they are (escape_whitespaces), which cannot be carried over");
        }
        if (!model.byteFallback()) {
            notes.add("characters without a piece, which this vocabulary takes for unknown and llama.cpp, missing tokens for bytes, fails on");
        }
        for (Piece piece : model.pieces()) {
            Kind kind = Kind.values()[piece.type().ordinal()];
            tokens.add(new Token(kind == Kind.USER_DEFINED ? spaced(piece.text()) : piece.text(), piece.score(), kind));
        }
        for (Map.Entry<String, JsonNode> added : TokenizerSettings.readJson(directory.resolve(AddedTokens.FILE)).properties()) {
            add(added.getValue().asInt(-1), added.getKey(), false, AddedTokens.FILE);
        }
        JsonNode json = TokenizerSettings.readJson(directory.resolve(Tokenizer.JSON_FILE));
        addFromJson(json, model.pieces().size());
        for (Map.Entry<String, JsonNode> added : settings.addedTokens().properties()) {
            int id = added.getKey().matches("\\d{1,9}") ? Integer.parseInt(added.getKey()) : -1;
            add(id, added.getValue().path("content").asText(), added.getValue().path("special").asBoolean(), TokenizerFiles.CONFIG_FILE);
        }
        OptionalInt bos = specialId("bos_token", model.bosPiece());
        OptionalInt eos = specialId("eos_token", model.eosPiece());
        boolean flags = json.isEmpty();
        PostProcessor around = PostProcessor.of(json);
        return new Vocabulary(tokens, bos, eos, specialId("unk_token", model.unknownPiece()), specialId("pad_token", null),
                flags ? settings.flag("add_bos_token") : Optional.of(adds(around.before(), bos, "before")),
                flags ? settings.flag("add_eos_token") : Optional.of(adds(around.after(), eos, "after")),
                settings.flag("add_prefix_space").orElse(model.dummyPrefix()), model.removeExtraSpaces(), !model.charsMap().isEmpty(),
                settings.chatTemplate(), Optional.empty(), notes());
    }

    private Vocabulary fromJson(Path file) throws IOException {
        var model = new ByteLevelModel(file, TokenizerSettings.readJson(file));
        model.vocabulary().forEach((text, id) -> put(id, new Token(text, 0, Kind.NORMAL), Tokenizer.JSON_FILE));
        for (JsonNode added : model.addedTokens()) {
            Kind kind = added.path("special").asBoolean() ? Kind.CONTROL : Kind.USER_DEFINED;
            put(added.path("id").asInt(-1), new Token(added.path("content").asText(), 0, kind), Tokenizer.JSON_FILE);
        }
        noteStripping(model.addedTokens());
        AddedIds.differences(TokenizerSettings.readJson(file)).ifPresent(notes::add);
        PostProcessor around = model.postProcessor();
        OptionalInt bos = specialId("bos_token", around.bos().orElse(null));
        OptionalInt eos = specialId("eos_token", around.eos().orElse(null));
        return new Vocabulary(tokens, bos, eos, specialId("unk_token", null), specialId("pad_token", null),
                Optional.of(adds(around.before(), bos, "before")), Optional.of(adds(around.after(), eos, "after")), false, false, model.composes(),
                settings.chatTemplate(), Optional.of(model.byteLevel()), notes());
    }

    /** Whether bos or eos, and nothing else, is added to a text. */
    private boolean adds(List<String> added, OptionalInt token, String place) {
        boolean only = added.size() == 1 && token.isPresent() && tokens.get(token.getAsInt()).text().equals(added.getFirst());
        if (!only && !added.isEmpty()) {
            notes.add("the special tokens %s each text: %s".formatted(place, String.join(" ", added)));
        }
        return only;
    }

    /** Adds the tokens that only tokenizer.json lists: transformers 5 saves added tokens nowhere else. */
    private void addFromJson(JsonNode json, int pieces) {
        for (Map.Entry<String, JsonNode> entry : json.path("model").path("vocab").properties()) {
            if (entry.getValue().asInt(-1) >= pieces) {
                add(entry.getValue().asInt(-1), entry.getKey(), false, Tokenizer.JSON_FILE);
            }
        }
        for (JsonNode added : json.path("added_tokens")) {
            add(added.path("id").asInt(-1), added.path("content").asText(), added.path("special").asBoolean(), Tokenizer.JSON_FILE);
        }
        noteStripping(json.path("added_tokens"));
        AddedIds.differences(json).ifPresent(notes::add);
    }

    private void noteStripping(JsonNode added) {
        List<String> flags = List.of("lstrip", "rstrip", "single_word");
        long stripping = added.valueStream().filter(token -> flags.stream().anyMatch(flag -> token.path(flag).asBoolean())).count();
        if (stripping > 0) {
            notes.add("lstrip, rstrip and single_word of " + Counts.of(stripping, "added token: the spaces beside it that it takes, and that it is a "
                    + "whole word", "added tokens: the spaces beside them that they take, and that they are whole words"));
        }
    }

    /** Warnings common to both kinds of vocabulary. */
    private List<String> notes() throws IOException {
        List<String> others = settings.otherTemplates();
        if (!others.isEmpty()) {
            notes.add("chat templates of other names than default: " + String.join(", ", others));
        }
        return notes;
    }

    /** Adds an added token, whose id is beyond the pieces; a piece that is listed again keeps its kind, unless that is normal. */
    private void add(int id, String text, boolean flagged, String file) {
        boolean special = flagged || settings.isSpecial(text);
        Kind present = id >= 0 && id < tokens.size() ? tokens.get(id).kind() : Kind.UNUSED;
        if (present == Kind.UNUSED || present == Kind.USER_DEFINED || present == Kind.NORMAL) {
            put(id, new Token(special ? text : spaced(text), NO_SCORE, special ? Kind.CONTROL : Kind.USER_DEFINED), file);
        }
    }

    private void put(int id, Token token, String file) {
        if (id < 0 || id > tokens.size() + MAX_GAP) {
            throw new TokenizerException("[tokenizer] %s: the token %s has no sound id".formatted(directory.resolve(file), token.text()));
        }
        while (tokens.size() <= id) {
            tokens.add(Vocabulary.unused(tokens.size()));
        }
        tokens.set(id, token);
    }

    /** The id of a special token by its name in the configuration, or else by its default text. */
    private OptionalInt specialId(String key, String otherwise) {
        String text = settings.specialToken(key).orElse(otherwise);
        return IntStream.range(0, tokens.size()).filter(id -> tokens.get(id).text().equals(text)).findFirst();
    }

    private static String spaced(String text) {
        return text.replace(SentencePieceModel.SPACE, ' ');
    }
}
