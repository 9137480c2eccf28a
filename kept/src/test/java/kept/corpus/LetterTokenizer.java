package kept.corpus;

import java.util.OptionalInt;
import kept.tokenizer.Tokenizer;

/** Each character is its own id; 0 ends a sequence. */
public final class LetterTokenizer implements Tokenizer {
    /** A tokenizer that needs no file. */
    public LetterTokenizer() {
    }

    @Override
    public int[] encode(String text) {
        return text.chars().toArray();
    }

    @Override
    public String decode(int... ids) {
        return new String(ids, 0, ids.length);
    }

    @Override
    public int vocabularySize() {
        return Character.MAX_VALUE + 1;
    }

    @Override
    public OptionalInt bos() {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.of(0);
    }

    @Override
    public String description() {
        return "letters";
    }

    @Override
    public void close() {
    }
}
