package kept.recording;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How a recording lies in files: each has as many sequences of the training text, in the order of training.
 *
 * @param form what is kept of each token's distribution
 * @param vocabulary the number of logits of a token
 * @param length the tokens of a sequence
 * @param sequences the number of all sequences
 */
public record RecordingLayout(RecordedForm form, int vocabulary, int length, long sequences) {
    private static final int MAX_TOKENS = 1 << 16;
    private static final long MAX_BYTES = 1L << 25;

    /**
     * The tokens of all sequences.
     *
     * @return how many
     */
    public long tokens() {
        return sequences * length;
    }

    /**
     * The sequences of a file: of at most 65,536 tokens and 32 MiB, unless one sequence has more.
     *
     * @return how many; the last file may have fewer
     */
    public int fileSequences() {
        long most = Math.min(MAX_TOKENS, MAX_BYTES / form.bytesPerToken(vocabulary)) / length;
        return (int) Math.clamp(most, 1, Math.max(1, sequences));
    }

    /**
     * The number of files with sequences of the training text.
     *
     * @return how many
     */
    public int files() {
        return Math.toIntExact(Math.ceilDiv(sequences, fileSequences()));
    }

    /** The first sequence of a file. */
    long first(int file) {
        return (long) file * fileSequences();
    }

    /**
     * The sequences of one file.
     *
     * @param file its number
     * @return how many
     */
    public int sequencesOf(int file) {
        return (int) Math.min(fileSequences(), sequences - first(file));
    }

    /**
     * The most bytes of the files with sequences of the training text.
     *
     * @return bytes
     */
    public long bytes() {
        return tokens() * form.bytesPerToken(vocabulary);
    }

    /**
     * The names of all files of a recording but the one that describes it.
     *
     * @param heldOut the number of held-out texts
     * @return those of the training text, in the order of training, and those of the held-out texts
     */
    List<String> fileNames(int heldOut) {
        return Stream.concat(IntStream.range(0, files()).mapToObj(RecordingLayout::fileName),
                IntStream.range(0, heldOut).mapToObj(RecordingLayout::heldOutName)).toList();
    }

    /**
     * The name of a file with sequences of the training text.
     *
     * @param file its number
     * @return the name
     */
    public static String fileName(int file) {
        return "logits-%06d.safetensors".formatted(file);
    }

    /**
     * The name of a file with a held-out text's hidden states.
     *
     * @param text the text's number
     * @return the name
     */
    public static String heldOutName(int text) {
        return "held-out-%03d.safetensors".formatted(text);
    }
}
