package kept.cuda.virtual;

/** PTX that cannot be read, or that holds an instruction the virtual GPU does not know. The message names file and line. */
final class PtxException extends RuntimeException {
    private static final long serialVersionUID = 1;

    PtxException(String file, int line, String message) {
        super("[ptx] " + file + ":" + line + ": " + message);
    }
}
