package kept.text;

import java.nio.charset.CharacterCodingException;

/** Text that is not UTF-8, or a pointer to it: the message says where or what it is instead, and what to do. */
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
