package kept.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A BPE tokenizer as data, for formats that contain the vocabulary themselves: SentencePiece, whose merges follow from scores, or byte-level BPE,
 * whose merges are a list.
 *
 * @param tokens the tokens, in the order of their ids
 * @param bos the beginning-of-sequence id
 * @param eos the end-of-sequence id
 * @param unknown the id of the unknown token
 * @param padding the padding id
 * @param addsBos whether bos is prepended to every text: by the post-processor of {@code tokenizer.json}, or else {@code tokenizer_config.json};
 *     empty if neither says
 * @param addsEos whether eos is appended to every text; empty if neither says
 * @param dummyPrefix whether a space is inserted before the text
 * @param removesExtraSpaces whether runs of spaces are collapsed, and spaces at the ends removed
 * @param normalizes whether characters are normalised before pieces are looked for; in byte-level tokenizers composed (NFC)
 * @param chatTemplate the Jinja chat template
 * @param byteLevel merges and splitting of a byte-level tokenizer; empty for SentencePiece
 * @param leftOut features of the tokenizer that this record does not represent, a few words each
 */
public record Vocabulary(List<Token> tokens, OptionalInt bos, OptionalInt eos, OptionalInt unknown, OptionalInt padding,
        Optional<Boolean> addsBos, Optional<Boolean> addsEos, boolean dummyPrefix, boolean removesExtraSpaces, boolean normalizes,
        Optional<String> chatTemplate, Optional<ByteLevel> byteLevel, List<String> leftOut) {

    /** Copies the lists. */
    public Vocabulary {
        tokens = List.copyOf(tokens);
        leftOut = List.copyOf(leftOut);
    }

    /** The kind of a token, in the order of SentencePiece's types 1 to 6. */
    public enum Kind {
        /** A normal piece of text. */
        NORMAL,
        /** The unknown token. */
        UNKNOWN,
        /** A control token, such as bos. */
        CONTROL,
        /** A user-defined token, which is never split. */
        USER_DEFINED,
        /** Unused; no text is encoded to this id. */
        UNUSED,
        /** One byte. */
        BYTE
    }

    /**
     * One token.
     *
     * @param text its text, with U+2581 for a space and {@code <0x41>} for a byte; in byte-level tokenizers one character per byte
     * @param score its score; of two possible merges, the one with the higher score is made; 0 in byte-level tokenizers
     * @param kind what it is
     */
    public record Token(String text, float score, Kind kind) { }

    /** The rule by which a byte-level tokenizer splits text into words, within which it merges. */
    public enum Splitting {
        /** GPT-2's pattern, which GPT-NeoX, OLMo and StableLM 3B have too: letters, digits and punctuation, each with a preceding space. */
        GPT2,
        /** StarCoder's rule: each digit is a word, and what is between digits is split as by GPT-2. */
        DIGITS,
        /** GPT-4's pattern: letters with any character before them, up to three digits, punctuation with the line breaks after it. */
        GPT4,
        /** Llama 3's rule: as GPT-4's, but words that are tokens are not merged from parts. */
        LLAMA3,
        /** StableLM 2's pattern: as GPT-4's, but each digit is a word. */
        STABLELM2
    }

    /**
     * The merges and splitting of a byte-level tokenizer.
     *
     * @param merges the pairs to merge, in order of priority: two tokens separated by a space
     * @param splitting how text is split into words
     */
    public record ByteLevel(List<String> merges, Splitting splitting) {
        /** Copies the list. */
        public ByteLevel {
            merges = List.copyOf(merges);
        }
    }

    /**
     * Returns the token of an id. Ids beyond the tokens are unused: models often have more embeddings than their tokenizer has tokens.
     *
     * @param id an id
     * @return its token
     */
    public Token token(int id) {
        return id < tokens.size() ? tokens.get(id) : unused(id);
    }

    /**
     * Returns the tokens of the first ids with distinct texts, without which llama.cpp does not load a file: of several tokens with one text the
     * first keeps it, as in a search for the text, and the others become unused.
     *
     * @param count how many ids
     * @return their tokens
     */
    public List<Token> distinct(int count) {
        Set<String> used = new HashSet<>();
        tokens.stream().filter(token -> token.kind() != Kind.UNUSED).map(Token::text).forEach(used::add);
        Set<String> given = new HashSet<>();
        List<Token> distinct = new ArrayList<>();
        for (int id = 0; id < count; id++) {
            Token token = token(id);
            boolean isUsed = token.kind() != Kind.UNUSED;
            if (isUsed && given.add(token.text())) {
                distinct.add(token);
                continue;
            }
            Token unused = isUsed ? unused(id) : token;
            String name = unused.text();
            while (used.contains(name) || !given.add(name)) {
                name += "_";
            }
            distinct.add(new Token(name, unused.score(), Kind.UNUSED));
        }
        return distinct;
    }

    /** A token for an unused id; name and score are those of llama.cpp's converter. */
    static Token unused(int id) {
        return new Token("[PAD" + id + "]", -10_000, Kind.UNUSED);
    }

    /**
     * Reads {@code tokenizer.model}, or else {@code tokenizer.json}, and special tokens, settings and added tokens from {@code tokenizer_config.json}
     * and {@code added_tokens.json} if they exist.
     *
     * @param directory the checkpoint's directory
     * @return the vocabulary
     * @throws TokenizerException if there is no tokenizer, a file cannot be read, or it is not a supported kind of BPE
     */
    public static Vocabulary read(Path directory) {
        return VocabularyReader.read(directory);
    }
}
