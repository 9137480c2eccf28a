package kept.tokenizer;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A BPE tokenizer as data, for formats that carry the vocabulary themselves instead of its file: one of SentencePiece's, whose merges follow from
 * scores, or a byte-level one, whose merges are a list.
 *
 * @param tokens the tokens, in the order of their ids
 * @param bos the id that begins a text
 * @param eos the id that ends a text
 * @param unknown the id of what the vocabulary cannot spell
 * @param padding the id that fills up a batch
 * @param addsBos whether {@code tokenizer_config.json} has bos put before every text; empty where it does not say
 * @param addsEos whether it has eos put after every text; empty where it does not say
 * @param dummyPrefix whether a space is put before the text
 * @param removesExtraSpaces whether runs of spaces become one, and those at the ends none
 * @param normalizes whether the model rewrites characters, such as full-width ones, before it looks for pieces
 * @param chatTemplate the Jinja template of a conversation
 * @param byteLevel merges and splitting of a byte-level tokenizer; empty for one of SentencePiece's
 * @param leftOut what the tokenizer has and this record has not, in a few words each
 */
public record Vocabulary(List<Token> tokens, OptionalInt bos, OptionalInt eos, OptionalInt unknown, OptionalInt padding,
        Optional<Boolean> addsBos, Optional<Boolean> addsEos, boolean dummyPrefix, boolean removesExtraSpaces, boolean normalizes,
        Optional<String> chatTemplate, Optional<ByteLevel> byteLevel, List<String> leftOut) {

    /** Keeps copies of the lists. */
    public Vocabulary {
        tokens = List.copyOf(tokens);
        leftOut = List.copyOf(leftOut);
    }

    /** What a token is; in this order they are the types 1 to 6 of SentencePiece's files. */
    public enum Kind {
        /** A piece of text. */
        NORMAL,
        /** What the vocabulary cannot spell. */
        UNKNOWN,
        /** A mark, such as the beginning of a text. */
        CONTROL,
        /** A text that is never cut. */
        USER_DEFINED,
        /** Nothing; the id is not given to any text. */
        UNUSED,
        /** One byte. */
        BYTE
    }

    /**
     * One token.
     *
     * @param text its text, with U+2581 for a space and {@code <0x41>} for a byte, or in byte-level tokenizers a sign for each byte
     * @param score its score; of two possible merges that with the higher score is made; 0 in byte-level tokenizers
     * @param kind what it is
     */
    public record Token(String text, float score, Kind kind) { }

    /** How a byte-level tokenizer splits text into the words that it merges within. */
    public enum Splitting {
        /** GPT-2's pattern: letters, digits, signs, each with a space before them. */
        GPT2,
        /** Llama 3's pattern: as GPT-2's, but at most three digits, and words that are tokens are taken whole. */
        LLAMA3
    }

    /**
     * What a byte-level tokenizer needs beyond its tokens.
     *
     * @param merges the pairs to merge, first ones first: two tokens and a space between
     * @param splitting how text is split into words
     */
    public record ByteLevel(List<String> merges, Splitting splitting) {
        /** Keeps a copy of the list. */
        public ByteLevel {
            merges = List.copyOf(merges);
        }
    }

    /**
     * The token of an id, which for ids without one is a token that no text gets: models often have more embeddings than their tokenizer has tokens.
     *
     * @param id an id
     * @return its token
     */
    public Token token(int id) {
        return id < tokens.size() ? tokens.get(id) : unused(id);
    }

    /** A token for an id that no text gets; name and score are those of llama.cpp's converter. */
    static Token unused(int id) {
        return new Token("[PAD" + id + "]", -10_000, Kind.UNUSED);
    }

    /**
     * Reads {@code tokenizer.model}, or where there is none {@code tokenizer.json}; and from {@code tokenizer_config.json} and
     * {@code added_tokens.json}, where there are such, marks, settings and added tokens.
     *
     * @param directory the checkpoint's directory
     * @return the vocabulary
     * @throws TokenizerException if there is no tokenizer, a file cannot be read, or it is not a BPE of a kind that can be carried over
     */
    public static Vocabulary read(Path directory) {
        return VocabularyReader.read(directory);
    }
}
