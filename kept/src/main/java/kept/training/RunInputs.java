package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;

/**
 * The inputs on which a run's result depends, as checksums of tokens and tensors, not of files. So a text or a checkpoint may be moved, copied,
 * linked, compressed or touched; only a change of its content is a change of the input.
 */
public final class RunInputs {
    private static final String CORPUS = "corpus";
    private static final String HELD_OUT = "held-out text ";
    private static final String TENSOR = "teacher's tensor ";
    private static final String STUDENT = "student's tensor ";
    private static final String CALIBRATION = "calibration text";

    private final SequencedMap<String, String> inputs = new LinkedHashMap<>();
    private final SequencedMap<String, Map<String, Object>> texts = new LinkedHashMap<>();

    /** Creates an empty list of inputs. */
    public RunInputs() {}

    /** Whether a setting is an input. */
    static boolean isInput(String setting) {
        return setting.startsWith(CORPUS) || isOptional(setting) || isLate(setting);
    }

    /** Whether it is known only after a model has been read or tensors have been measured. */
    static boolean isLate(String setting) {
        return setting.startsWith(TENSOR) || setting.startsWith(STUDENT) || setting.equals(CALIBRATION);
    }

    /** Whether a run may resume without this input. */
    static boolean isOptional(String setting) {
        return setting.startsWith(HELD_OUT);
    }

    /**
     * Adds a training text.
     *
     * @param number its number among several texts, from 1; 0 for a single one
     * @param text its tokens
     */
    public void addCorpus(int number, PackedTokens text) {
        String name = number == 0 ? CORPUS : CORPUS + " " + number;
        String checksum = text.checksum();
        inputs.put(name, "%,d tokens, checksum %s".formatted(text.size(), checksum));
        texts.put(name, details("tokens", text.size(), "checksum", checksum));
    }

    /**
     * Adds a text for evaluation.
     *
     * @param text the text
     */
    public void addHeldOut(TextEvaluation text) {
        inputs.put(HELD_OUT + text.name(), "%,d sequences of %,d tokens, checksum %s".formatted(text.sequences(), text.length(), text.checksum()));
        texts.put(HELD_OUT + text.name(), details("sequences", text.sequences(), "sequence_length", text.length(), "checksum", text.checksum()));
    }

    /** An object of alternating keys and values, in their order. */
    private static Map<String, Object> details(Object... entries) {
        Map<String, Object> details = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            details.put((String) entries[i], entries[i + 1]);
        }
        return details;
    }

    /**
     * Adds a teacher's tensors.
     *
     * @param checksums by their names
     */
    public void addTeacher(Map<String, String> checksums) {
        new TreeMap<>(checksums).forEach((name, checksum) -> inputs.put(TENSOR + name, checksum));
    }

    /**
     * Adds the tensors of a given student.
     *
     * @param checksums by their names
     */
    public void addStudent(Map<String, String> checksums) {
        new TreeMap<>(checksums).forEach((name, checksum) -> inputs.put(STUDENT + name, checksum));
    }

    /**
     * Adds the text that a mapping was measured on.
     *
     * @param text a description of it
     */
    public void addCalibration(String text) {
        inputs.put(CALIBRATION, text);
    }

    /**
     * Returns the sizes and checksums of the texts.
     *
     * @return numbers and checksums of each text, by the names of {@link #inWords}
     */
    public SequencedMap<String, Map<String, Object>> texts() {
        return new LinkedHashMap<>(texts);
    }

    /**
     * Returns the inputs.
     *
     * @return each in words, by a name
     */
    public SequencedMap<String, String> inWords() {
        return new LinkedHashMap<>(inputs);
    }
}
