package kept.generation;

import kept.tensor.TensorException;

/**
 * Thrown if a chat template is missing or invalid, uses an unsupported feature, or rejects a conversation. The message names the template and
 * the reason.
 */
public final class ChatTemplateException extends TensorException {
    private static final long serialVersionUID = 1L;

    ChatTemplateException(String message) {
        super(message);
    }

    ChatTemplateException(String message, Throwable cause) {
        super(message, cause);
    }
}
