package kept.text;

import java.nio.charset.CharacterCodingException;

/** Thrown for text that is not UTF-8 and for Git LFS pointers. The message says where or what it is, and what to do. */
public final class EncodingException extends CharacterCodingException {
    private static final long serialVersionUID = 1L;

    private final String problem;

    EncodingException(String problem) {
        this.problem = problem;
    }

    @Override
    public String getMessage() {
        return problem;
    }
}
