package kept.cuda.virtual;

/** Thrown when PTX cannot be parsed or contains an unsupported instruction. The message names file and line. */
final class PtxException extends RuntimeException {
    private static final long serialVersionUID = 1;

    PtxException(String file, int line, String message) {
        super("[ptx] " + file + ":" + line + ": " + message);
    }
}
