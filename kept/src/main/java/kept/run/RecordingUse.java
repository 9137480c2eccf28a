package kept.run;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import kept.backend.Divergence;
import kept.checkpoint.Checkpoint;
import kept.io.SettingDifferences;
import kept.recording.Recording;
import kept.recording.RecordingLayout;
import kept.training.TrainingOptions;

/** A recording of a teacher's logits from which a run trains, and what the two have to agree on. */
final class RecordingUse {
    private static final String LENGTH = "sequence length";
    private static final String SEED = "seed";
    private static final String TEMPERATURE = "temperature";

    private final DistillationTask task;
    private final Path directory;
    private final RecordingLayout layout;
    private final long textTokens;
    private final Map<String, String> recorded;

    private RecordingUse(DistillationTask task, Recording recording) {
        this.task = task;
        directory = task.settings().recorded();
        layout = recording.layout();
        textTokens = recording.textTokens();
        recorded = recording.settings();
    }

    /**
     * The recording of a run, if it has one; what can be compared without reading any text is compared.
     *
     * @throws RunException naming what differs
     */
    static Optional<RecordingUse> of(DistillationTask task) {
        if (task.settings().recorded() == null) {
            return Optional.empty();
        }
        if (task.settings().objective().divergence() != Divergence.FORWARD_KL) {
            throw new RunException("[recorded] --recorded needs --loss forward-kl: the other divergences need the teacher's whole distribution");
        }
        try (Recording recording = Recording.open(task.settings().recorded())) {
            var use = new RecordingUse(task, recording);
            use.requireSame(own(task));
            TrainingOptions options = task.options();
            long wanted = options.steps() * options.tokensPerStep();
            if (wanted > use.layout.tokens()) {
                throw new RunException("[recorded] %s has %,d tokens, and the run would train on %,d: lower --tokens, or record more".formatted(
                        use.directory, use.layout.tokens(), wanted));
            }
            return Optional.of(use);
        }
    }

    /** The settings of a run that determine a recording and are known without any file but the teacher's config.json. */
    private static SequencedMap<String, String> own(DistillationTask task) {
        var words = new LinkedHashMap<String, String>();
        SavedSettings.put(words, "teacher", task.mapping().source());
        words.put(LENGTH, Integer.toString(task.options().sequenceLength()));
        words.put(SEED, Long.toString(task.settings().training().seed()));
        words.put(TEMPERATURE, Double.toString(task.settings().objective().temperature()));
        return words;
    }

    /**
     * The settings and inputs that determine a recording, and on which a run that uses it has to agree. Batch and accumulation are not among them:
     * what is recorded belongs to a sequence.
     *
     * @param task the run that records or trains
     * @param checkpoint the teacher's
     * @param text the texts
     * @return each in words, by a name
     */
    static SequencedMap<String, String> settings(DistillationTask task, Checkpoint checkpoint, DistillationText text) {
        SequencedMap<String, String> words = own(task);
        words.put("fingerprint of the teacher", checkpoint.fingerprint());
        words.put("tokenizer", TokenizerCopy.fingerprint(task.settings().teacher()));
        words.putAll(text.inputs().inWords());
        words.put("weights of the texts", task.settings().corpora().stream().map(TrainingCorpus::weight).toList().toString());
        words.put("evaluated during training", "%,d sequences, checksum %s".formatted(text.during().sequences(), text.during().checksum()));
        words.put("held out of the text", "%,d tokens".formatted(text.heldOut()));
        return words;
    }

    /**
     * Compares all settings and inputs.
     *
     * @throws RunException naming what differs
     */
    void require(Checkpoint checkpoint, DistillationText text, Progress progress) {
        requireSame(settings(task, checkpoint, text));
        progress.note("the teacher's logits are recorded in %s: %s".formatted(directory, inWords()));
    }

    /** Compares the settings that a run knows. */
    private void requireSame(Map<String, String> known) {
        Map<String, String> before = new LinkedHashMap<>(recorded);
        before.keySet().retainAll(known.keySet());
        List<String> names = SettingDifferences.names(before, known);
        if (!names.isEmpty()) {
            throw new RunException("[recorded] %s was recorded with other settings: %s; give the same, or record again".formatted(directory,
                    SettingDifferences.inWords(names, before, known)));
        }
    }

    /** The number of tokens of the text that suffice, as when it was recorded: the order of the sequences follows from it. */
    long textTokens() {
        return textTokens;
    }

    /** What was recorded. */
    String inWords() {
        return "%s, of %,d tokens".formatted(layout.form(), layout.tokens());
    }
}
