package kept.tokenizer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Text to token ids and back.
 *
 * <p>A tokenizer may be used by several threads at once. It holds native memory until it is closed.
 */
public interface Tokenizer extends AutoCloseable {

    /** The file name of a SentencePiece model in a checkpoint's directory. */
    String SENTENCEPIECE_FILE = "tokenizer.model";

    /** The file name of a Hugging Face tokenizer in a checkpoint's directory. */
    String JSON_FILE = "tokenizer.json";

    /**
     * The ids of a text, as they are: no mark for its beginning or end is added. Text that looks like a control piece, such as
     * {@code <s>}, is plain text for a SentencePiece model; a {@code tokenizer.json} decides for itself and usually reads it as the mark.
     *
     * @param text any text; an unpaired surrogate is read as a question mark
     * @return its ids, none for the empty text
     */
    int[] encode(String text);

    /**
     * The ids of a text between the marks asked for.
     *
     * @param text any text
     * @param beginning whether the id of {@link #bos()} comes first
     * @param end whether the id of {@link #eos()} comes last
     * @return the ids
     * @throws TokenizerException if a mark is asked for that this vocabulary does not have
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
     * The ids of a text in which marks such as {@code </s>} are meant as marks, as in a rendered chat template. What lies between marks is encoded
     * as a text of its own.
     *
     * @param text any text
     * @return its ids
     */
    default int[] encodeMarked(String text) {
        return encode(text);
    }

    /**
     * The texts of the marks by the names that tokenizer_config.json and chat templates call them: {@code bos_token}, {@code eos_token},
     * {@code unk_token}, {@code pad_token}, as far as there are such.
     *
     * @return the texts by name
     */
    default Map<String, String> marks() {
        return Map.of();
    }

    /**
     * The text of some ids; marks such as bos and eos have none, nor have ids from {@link #vocabularySize()} on, which a model may have rows for
     * (its vocabulary is padded). Bytes that are no UTF-8 come out as U+FFFD.
     *
     * @param ids token ids
     * @return their text
     * @throws TokenizerException if an id is negative
     */
    String decode(int... ids);

    /**
     * Those ids that can have a text.
     *
     * @param vocabularySize how many ids there are
     * @param ids token ids
     * @return the ids below that size, in their order
     * @throws TokenizerException if an id is negative
     */
    static int[] withTexts(int vocabularySize, int... ids) {
        if (Arrays.stream(ids).anyMatch(id -> id < 0)) {
            throw new TokenizerException("[decode] id " + Arrays.stream(ids).min().getAsInt() + " is negative");
        }
        return Arrays.stream(ids).filter(id -> id < vocabularySize).toArray();
    }

    /**
     * How many ids there are.
     *
     * @return one more than the largest id
     */
    int vocabularySize();

    /**
     * The id that marks the beginning of a sequence.
     *
     * @return the id, if the vocabulary has one
     */
    OptionalInt bos();

    /**
     * The id that marks the end of a sequence, and stands between documents in packed text.
     *
     * @return the id, if the vocabulary has one
     */
    OptionalInt eos();

    /**
     * One line for a log: which file was read, as what, and how many ids it has.
     *
     * @return the line
     */
    String description();

    /**
     * Refuses a tokenizer that can give ids a model has no embedding for. Fewer ids than the model has rows is common and fine.
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

    /** Frees the native memory; the tokenizer cannot be used any more. */
    @Override
    void close();

    /**
     * The tokenizer of a checkpoint: {@code tokenizer.model} through SentencePiece where there is one, else {@code tokenizer.json} through
     * Hugging Face tokenizers. {@link #description()} says which it was.
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
        throw new TokenizerException("[tokenizer] " + directory + " has neither " + SENTENCEPIECE_FILE + " nor " + JSON_FILE
                + ": copy the tokenizer of the checkpoint there");
    }

    /**
     * The tokenizer of a chat model, whose templates may use marks that were added to the vocabulary later: {@code tokenizer.json} through Hugging
     * Face tokenizers where it has ids beyond those of {@code tokenizer.model}, else as {@link #load}.
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
     * The tokenizer of a SentencePiece model that is not a file of its own, such as a resource.
     *
     * @param model the bytes of a {@code tokenizer.model}
     * @param name what to call it in messages
     * @return its tokenizer
     * @throws TokenizerException if the bytes are no SentencePiece model
     */
    static Tokenizer ofSentencePiece(byte[] model, String name) {
        return SentencePieceTokenizer.of(model, name);
    }
}
