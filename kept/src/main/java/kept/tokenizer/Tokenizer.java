package kept.tokenizer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Converts text to token ids and back.
 *
 * <p>Thread-safe. A tokenizer holds native memory until it is closed.
 */
public interface Tokenizer extends AutoCloseable {

    /** File name of a SentencePiece model in a checkpoint directory. */
    String SENTENCEPIECE_FILE = "tokenizer.model";

    /** File name of a Hugging Face tokenizer in a checkpoint directory. */
    String JSON_FILE = "tokenizer.json";

    /**
     * Encodes a text without adding bos or eos. Text that looks like a special token, such as {@code <s>}, is plain text for a SentencePiece model; a
     * {@code tokenizer.json} decides for itself and usually encodes it as the special token.
     *
     * @param text any text; an unpaired surrogate is encoded as a question mark
     * @return its ids; none for the empty text
     */
    int[] encode(String text);

    /**
     * Encodes a text, optionally with bos and eos.
     *
     * @param text any text
     * @param beginning whether to prepend {@link #bos()}
     * @param end whether to append {@link #eos()}
     * @return the ids
     * @throws TokenizerException if a requested special token does not exist in this vocabulary
     */
    default int[] encode(String text, boolean beginning, boolean end) {
        int[] plain = encode(text);
        int before = beginning ? 1 : 0;
        var ids = new int[before + plain.length + (end ? 1 : 0)];
        System.arraycopy(plain, 0, ids, before, plain.length);
        if (beginning) {
            ids[0] = bos().orElseThrow(() -> new TokenizerException("[encode] " + description() + " has no beginning-of-sequence id"));
        }
        if (end) {
            ids[ids.length - 1] = eos().orElseThrow(() -> new TokenizerException("[encode] " + description() + " has no end-of-sequence id"));
        }
        return ids;
    }

    /**
     * Encodes a text in which the texts of special tokens, such as {@code </s>}, are encoded as these tokens, as in a rendered chat template. The
     * text between special tokens is encoded separately.
     *
     * @param text any text
     * @return its ids
     */
    default int[] encodeWithSpecialTokens(String text) {
        return encode(text);
    }

    /**
     * Encodes a text as {@link #encodeWithSpecialTokens(String)} does, except that a guard keeps texts from being special tokens.
     *
     * @param text any text in which a guard stands within each text of {@link #specialTexts} that is to be plain text
     * @param guard a character that is no part of the text otherwise; it is not encoded
     * @return its ids
     */
    default int[] encodeWithSpecialTokens(String text, char guard) {
        return Pattern.compile(String.valueOf(guard), Pattern.LITERAL).splitAsStream(text).map(this::encodeWithSpecialTokens)
                .flatMapToInt(Arrays::stream).toArray();
    }

    /**
     * The texts that {@link #encodeWithSpecialTokens} encodes as special tokens.
     *
     * @return the texts
     */
    default Set<String> specialTexts() {
        return Set.copyOf(specialTokens().values());
    }

    /**
     * The texts of the special tokens by their names in tokenizer_config.json and chat templates: {@code bos_token}, {@code eos_token},
     * {@code unk_token}, {@code pad_token}, as far as they exist.
     *
     * @return the texts by name
     */
    default Map<String, String> specialTokens() {
        return Map.of();
    }

    /**
     * Decodes ids. Special tokens such as bos and eos have no text, nor do ids from {@link #vocabularySize()} on, for which a model with a padded
     * vocabulary may have embeddings. Invalid UTF-8 is decoded as U+FFFD.
     *
     * @param ids token ids
     * @return their text
     * @throws TokenizerException if an id is negative
     */
    String decode(int... ids);

    /**
     * Removes ids that have no text.
     *
     * @param vocabularySize the number of ids
     * @param ids token ids
     * @return the ids below that size, in order
     * @throws TokenizerException if an id is negative
     */
    static int[] withTexts(int vocabularySize, int... ids) {
        if (Arrays.stream(ids).anyMatch(id -> id < 0)) {
            throw new TokenizerException("[decode] id " + Arrays.stream(ids).min().getAsInt() + " is negative");
        }
        return Arrays.stream(ids).filter(id -> id < vocabularySize).toArray();
    }

    /**
     * The number of ids.
     *
     * @return the largest id plus one
     */
    int vocabularySize();

    /**
     * The id of the beginning-of-sequence token.
     *
     * @return the id, if the vocabulary has one
     */
    OptionalInt bos();

    /**
     * Whether the model reads every text with {@link #bos()} before it: where {@code tokenizer.json} exists, whether its post-processor adds bos and
     * nothing else before a text; else {@code add_bos_token} of {@code tokenizer_config.json}. {@link #encode(String)} does not add it.
     *
     * @return whether to prepend it, false if there is no bos
     */
    default boolean addsBos() {
        return false;
    }

    /**
     * The id of the end-of-sequence token, which also separates documents in packed text.
     *
     * @return the id, if the vocabulary has one
     */
    OptionalInt eos();

    /**
     * Describes the tokenizer in one line for a log: file, format and number of ids.
     *
     * @return the line
     */
    String description();

    /**
     * Rejects a tokenizer that can produce ids without an embedding in the model. A model with more embeddings than ids is common and accepted.
     *
     * @param modelVocabulary the {@code vocab_size} of the model
     * @throws TokenizerException if this vocabulary is larger
     */
    default void requireVocabulary(int modelVocabulary) {
        if (vocabularySize() > modelVocabulary) {
            throw new TokenizerException("[tokenizer] " + description() + " gives ids up to " + (vocabularySize() - 1)
                    + ", but the model's vocabulary ends at " + (modelVocabulary - 1) + " (vocab_size " + modelVocabulary
                    + "): use the tokenizer that belongs to the checkpoint");
        }
    }

    /** Frees the native memory. The tokenizer cannot be used afterwards. */
    @Override
    void close();

    /**
     * Loads the tokenizer of a checkpoint: {@code tokenizer.model} through SentencePiece if it exists, else {@code tokenizer.json} through Hugging
     * Face tokenizers. {@link #description()} says which.
     *
     * @param directory the checkpoint's directory
     * @return its tokenizer
     * @throws TokenizerException if the directory has neither file, or it cannot be read
     */
    static Tokenizer load(Path directory) {
        TokenizerFiles.requireWithin(directory);
        Path sentencePiece = directory.resolve(SENTENCEPIECE_FILE);
        if (Files.isRegularFile(sentencePiece)) {
            return SentencePieceTokenizer.load(sentencePiece);
        }
        Path json = directory.resolve(JSON_FILE);
        if (Files.isRegularFile(json)) {
            return JsonTokenizer.load(json);
        }
        throw new TokenizerException("[tokenizer] " + TokenizerFiles.missing(directory) + ": copy the tokenizer of the checkpoint there");
    }

    /**
     * Loads the tokenizer of a chat model, whose templates may use added special tokens: {@code tokenizer.json} through Hugging Face tokenizers if it
     * has ids beyond those of {@code tokenizer.model}, else as {@link #load}.
     *
     * @param directory the checkpoint's directory
     * @return its tokenizer
     * @throws TokenizerException if the directory has neither file, or it cannot be read
     */
    static Tokenizer loadForChat(Path directory) {
        Tokenizer tokenizer = load(directory);
        Path json = directory.resolve(JSON_FILE);
        if (tokenizer instanceof SentencePieceTokenizer && Files.isRegularFile(json)) {
            try {
                Tokenizer other = JsonTokenizer.load(json);
                boolean larger = other.vocabularySize() > tokenizer.vocabularySize();
                (larger ? tokenizer : other).close();
                return larger ? other : tokenizer;
            } catch (RuntimeException e) {
                tokenizer.close();
                throw e;
            }
        }
        return tokenizer;
    }

    /**
     * Creates the tokenizer of a SentencePiece model in memory, such as a resource.
     *
     * @param model the bytes of a {@code tokenizer.model}
     * @param name the name to use in messages
     * @return its tokenizer
     * @throws TokenizerException if the bytes are not a SentencePiece model
     */
    static Tokenizer ofSentencePiece(byte[] model, String name) {
        return SentencePieceTokenizer.of(model, name);
    }
}
