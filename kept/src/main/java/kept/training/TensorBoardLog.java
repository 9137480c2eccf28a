package kept.training;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import kept.text.Reasons;

/**
 * The metrics of a run as TensorBoard event files. Each step gives the scalars {@code train/loss}, {@code train/divergence} (with a teacher), {@code
 * train/gradient_norm} and {@code train/learning_rate}; each evaluation {@code held_out/kl} and {@code held_out/top1}: the numbers of {@link
 * MetricsLog}, in F32.
 *
 * <p>Every start and every resumption writes a file of its own, as TensorBoard expects. Its first records say from which step on it counts, so that
 * TensorBoard shows no step twice, whatever a killed run had written beyond the state from which this one resumes.
 */
public final class TensorBoardLog implements AutoCloseable {
    /** TensorBoard reads the files of a folder in the order of their names, so the time has leading zeros. */
    private static final String NAME = "events.out.tfevents.%010d.kept";
    private static final Pattern NAMED = Pattern.compile("events\\.out\\.tfevents\\.(\\d{1,18})\\..*");
    private static final double MILLIS = 1000;

    private final Path file;
    private final FileChannel channel;
    private final InstantSource time;

    private TensorBoardLog(Path file, InstantSource time) throws IOException {
        this.file = file;
        this.time = time;
        this.channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    /**
     * Begins an event file of a run that starts or resumes.
     *
     * @param folder of the run's event files; created if it does not exist
     * @param saved the metrics of the steps in the run's state; none at the start
     * @param heldOut the results on held-out text so far
     * @param time the time of each record
     * @return the log
     * @throws TrainingException if the folder cannot be read or written
     */
    public static TensorBoardLog open(Path folder, List<StepMetrics> saved, HeldOutCurve heldOut, InstantSource time) {
        try {
            Files.createDirectories(folder);
            OptionalLong last = lastBegun(folder);
            long now = time.instant().getEpochSecond();
            var log = new TensorBoardLog(folder.resolve(NAME.formatted(Math.max(now, last.orElse(-1) + 1))), time);
            log.begin(saved, heldOut, last.isPresent());
            return log;
        } catch (IOException e) {
            throw failure(folder, e);
        }
    }

    /** The time in the name of the latest file. */
    private static OptionalLong lastBegun(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> NAMED.matcher(path.getFileName().toString())).filter(Matcher::matches)
                    .flatMapToLong(name -> LongStream.of(Long.parseLong(name.group(1)))).max();
        }
    }

    private void begin(List<StepMetrics> saved, HeldOutCurve heldOut, boolean hasEarlier) {
        write(EventRecord.version(seconds()));
        if (hasEarlier && !saved.isEmpty()) {
            restart(saved.getLast().step());
            return;
        }
        write(EventRecord.start(seconds(), 0));
        saved.forEach(this::add);
        heldOut.results().forEach(this::add);
    }

    /**
     * Adds a step.
     *
     * @param metrics its metrics
     * @throws TrainingException if it cannot be written
     */
    public void add(StepMetrics metrics) {
        SequencedMap<String, Double> values = new LinkedHashMap<>();
        values.put("train/loss", metrics.loss());
        if (!Double.isNaN(metrics.divergence())) {
            values.put("train/divergence", metrics.divergence());
        }
        values.put("train/gradient_norm", metrics.gradientNorm());
        values.put("train/learning_rate", metrics.learningRate());
        write(EventRecord.scalars(seconds(), metrics.step(), values));
    }

    /**
     * Adds a result on held-out text.
     *
     * @param result the result
     * @throws TrainingException if it cannot be written
     */
    public void add(HeldOutResult result) {
        SequencedMap<String, Double> values = new LinkedHashMap<>();
        values.put("held_out/kl", result.klMean());
        values.put("held_out/top1", result.top1Agreement());
        write(EventRecord.scalars(seconds(), result.step(), values));
    }

    /**
     * Returns to an earlier step: what was written of later ones no longer counts.
     *
     * @param last the step to which the run returns
     * @throws TrainingException if it cannot be written
     */
    public void restart(long last) {
        write(EventRecord.start(seconds(), last + 1));
    }

    private double seconds() {
        return time.millis() / MILLIS;
    }

    private void write(byte[] record) {
        try {
            ByteBuffer left = ByteBuffer.wrap(record);
            while (left.hasRemaining()) {
                channel.write(left);
            }
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    private static TrainingException failure(Path path, IOException cause) {
        return new TrainingException("[tensorboard] %s cannot be read or written: %s".formatted(path, Reasons.of(cause)));
    }
}
