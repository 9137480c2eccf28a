package kept.generation;

import kept.tensor.TensorException;

/** A chat template that is missing, is wrong, needs what is not supported, or refuses a conversation; the message says which template and why. */
public final class ChatTemplateException extends TensorException {
    private static final long serialVersionUID = 1L;

    ChatTemplateException(String message) {
        super(message);
    }

    ChatTemplateException(String message, Throwable cause) {
        super(message, cause);
    }
}
