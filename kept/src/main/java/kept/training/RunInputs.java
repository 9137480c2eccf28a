package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;
import kept.io.Checksum;

/**
 * What a run reads, as far as its result depends on it: checksums of tokens and tensors, not of files. So a text or a checkpoint may be moved,
 * copied, linked, packed otherwise or touched; only another content makes it another text.
 */
public final class RunInputs {
    private static final String CORPUS = "corpus";
    private static final String HELD_OUT = "held-out text ";
    private static final String TENSOR = "teacher's tensor ";
    private static final String CALIBRATION = "calibration text";

    private final SequencedMap<String, String> inputs = new LinkedHashMap<>();

    /** Nothing is read yet. */
    public RunInputs() {}

    /** Whether a setting is one of these. */
    static boolean isInput(String setting) {
        return setting.startsWith(CORPUS) || isOptional(setting) || isLate(setting);
    }

    /** Whether it is known only when a model has been read, or something measured. */
    static boolean isLate(String setting) {
        return setting.startsWith(TENSOR) || setting.equals(CALIBRATION);
    }

    /** Whether a run may resume without it. */
    static boolean isOptional(String setting) {
        return setting.startsWith(HELD_OUT);
    }

    /**
     * Adds a training text.
     *
     * @param number which of several, from 1; 0 for the only one
     * @param text what was read of it
     */
    public void addCorpus(int number, PackedTokens text) {
        inputs.put(number == 0 ? CORPUS : CORPUS + " " + number,
                "%,d tokens, checksum %s".formatted(text.size(), text.checksum()));
    }

    /**
     * Adds a text that is evaluated on.
     *
     * @param text the text
     */
    public void addHeldOut(TextEvaluation text) {
        inputs.put(HELD_OUT + text.name(), "%,d sequences of %,d tokens, checksum %s".formatted(
                text.sequences(), text.length(), Checksum.of(text.ids())));
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
     * Adds what a mapping was measured on.
     *
     * @param text in words
     */
    public void addCalibration(String text) {
        inputs.put(CALIBRATION, text);
    }

    /**
     * What has been added.
     *
     * @return each in words, by a name
     */
    public SequencedMap<String, String> inWords() {
        return new LinkedHashMap<>(inputs);
    }
}
