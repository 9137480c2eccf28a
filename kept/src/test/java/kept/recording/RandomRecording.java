package kept.recording;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import kept.io.AtomicFiles;

/** A recording of random tokens, for tests of what uses one. */
public final class RandomRecording {
    private RandomRecording() {}

    /** Writes the files of a recording of equally likely tokens, half of the probability each, and opens it. */
    public static Recording write(Path directory, RecordingLayout layout) {
        var random = new SplittableRandom(1);
        int k = layout.form().count();
        for (int file = 0; file < layout.files(); file++) {
            TokenRows rows = TokenRows.empty(layout.sequencesOf(file) * layout.length(), k);
            for (int i = 0; i < rows.tokens().length; i++) {
                rows.tokens()[i] = i % k + (long) k * random.nextInt(layout.vocabulary() / k);
                rows.probabilities()[i] = 0.5f / k;
            }
            Arrays.fill(rows.rest(), 0.5f);
            RecordedFile.write(directory.resolve(RecordingLayout.fileName(file)), layout.form(), layout.vocabulary(), rows);
        }
        AtomicFiles.writeJson(directory.resolve(Recording.FILE), Map.ofEntries(Map.entry(Recording.FORMAT, Recording.VERSION),
                Map.entry(Recording.KIND, layout.form().kind().name()), Map.entry(Recording.COUNT, k),
                Map.entry(Recording.VOCABULARY, layout.vocabulary()), Map.entry(Recording.LENGTH, layout.length()),
                Map.entry(Recording.SEQUENCES, layout.sequences()), Map.entry(Recording.TEXT_TOKENS, 0),
                Map.entry(Recording.SETTINGS, Map.of()), Map.entry(Recording.HELD_OUT, List.of()), Map.entry(Recording.NORMS, Map.of())));
        return Recording.open(directory);
    }
}
