package kept.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import kept.corpus.TextCoverage;
import kept.io.AtomicFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;

/**
 * The metrics of a run as JSON lines, one object for each step, so that a program can follow the run: {@code step}, {@code steps}, {@code loss},
 * {@code divergence}, {@code gradient_norm}, {@code learning_rate}, {@code tokens}, {@code seconds} of {@link StepMetrics}. A run without a teacher
 * has no {@code divergence}. An evaluation on held-out text adds an object after that of the step, with {@code step}, {@code tokens}, {@code
 * held_out_kl} and {@code held_out_top1} of {@link HeldOutResult}; the first one is of step 0. Before all steps there is an object for each text,
 * with {@code step} 0, the text's name in {@code text}, and the numbers of {@link TextCoverage#toMap}.
 */
public final class MetricsLog implements AutoCloseable {
    private static final String HELD_OUT = "held_out_kl";

    private final Path file;
    private final List<StepMetrics> steps;
    private final SequencedMap<String, TextCoverage> texts;
    private BufferedWriter writer;
    /** Null if there are no event files. */
    private TensorBoardLog events;

    private MetricsLog(Path file, List<StepMetrics> steps, SequencedMap<String, TextCoverage> texts) throws IOException {
        this.file = file;
        this.steps = steps;
        this.texts = texts;
        this.writer = writer(file);
    }

    private static BufferedWriter writer(Path file) throws IOException {
        return Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /**
     * Opens the log of a run that starts or resumes. It is rewritten up to the run's state. Only the seconds of steps come from the existing file, so
     * damage to the file loses nothing else.
     *
     * @param file the log, which may not exist yet
     * @param saved the metrics of the steps in the run's state; none at the start
     * @param heldOut the results on held-out text so far
     * @param notes receives a note if seconds are lost
     * @param texts the part that was read of each text, by its name
     * @return the log
     * @throws TrainingException if it cannot be read or written
     */
    public static MetricsLog open(Path file, List<StepMetrics> saved, HeldOutCurve heldOut, Consumer<String> notes,
            SequencedMap<String, TextCoverage> texts) {
        try {
            Map<Long, Double> seconds = Files.exists(file) ? seconds(file) : Map.of();
            List<StepMetrics> steps = new ArrayList<>();
            saved.forEach(step -> steps.add(step.withSeconds(seconds.getOrDefault(step.step(), Double.NaN))));
            long lost = steps.stream().filter(step -> Double.isNaN(step.seconds())).count();
            if (lost > 0) {
                notes.accept("%s is missing, short or damaged: how long %,d of %,d steps took is lost; all else of it is in the state"
                        .formatted(file, lost, steps.size()));
            }
            AtomicFiles.write(file, (lines(texts) + lines(steps, heldOut.results())).getBytes(StandardCharsets.UTF_8));
            return new MetricsLog(file, steps, texts);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /** The seconds of steps in complete lines; other lines are ignored. */
    private static Map<Long, Double> seconds(Path file) throws IOException {
        Map<Long, Double> seconds = new HashMap<>();
        for (String line : new String(Files.readAllBytes(file), StandardCharsets.UTF_8).split("\n")) {
            try {
                JsonNode object = Json.parse(line);
                if (object.path("step").isIntegralNumber() && object.path("seconds").isNumber()) {
                    seconds.put(object.path("step").asLong(), object.path("seconds").asDouble());
                }
            } catch (JsonException e) {
                // A line that is cut off by a kill, or damaged: its step has no time.
                continue;
            }
        }
        return seconds;
    }

    /**
     * Writes what follows as TensorBoard's events too.
     *
     * @param log receives the same; the caller closes it
     */
    public void copyTo(TensorBoardLog log) {
        events = log;
    }

    /**
     * Adds a step.
     *
     * @param metrics its metrics
     * @throws TrainingException if it cannot be written
     */
    public void add(StepMetrics metrics) {
        steps.add(metrics);
        append(List.of(metrics), List.of());
        if (events != null) {
            events.add(metrics);
        }
    }

    /**
     * Adds a result on held-out text.
     *
     * @param result the result
     * @throws TrainingException if it cannot be written
     */
    public void add(HeldOutResult result) {
        append(List.of(), List.of(result));
        if (events != null) {
            events.add(result);
        }
    }

    /**
     * Removes the steps after the one to which a run returns.
     *
     * @param last the step to which it returns
     * @param heldOut the remaining results on held-out text
     * @throws TrainingException if it cannot be written
     */
    public void dropAfter(long last, HeldOutCurve heldOut) {
        steps.removeIf(step -> step.step() > last);
        try {
            writer.close();
            AtomicFiles.write(file, (lines(texts) + lines(steps, heldOut.results())).getBytes(StandardCharsets.UTF_8));
            writer = writer(file);
            if (events != null) {
                events.restart(last);
            }
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    private void append(List<StepMetrics> more, List<HeldOutResult> results) {
        try {
            writer.write(lines(more, results));
            writer.flush();
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /**
     * All steps of the run, including those before it was resumed.
     *
     * @return the steps in order
     */
    public List<StepMetrics> steps() {
        return List.copyOf(steps);
    }

    @Override
    public void close() {
        try {
            writer.close();
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    private static String lines(SequencedMap<String, TextCoverage> texts) {
        var lines = new StringBuilder();
        texts.forEach((name, coverage) -> {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("step", 0);
            object.put("text", name);
            object.putAll(coverage.toMap());
            lines.append(Json.write(object)).append('\n');
        });
        return lines.toString();
    }

    /** Each result follows its step. */
    private static String lines(List<StepMetrics> steps, List<HeldOutResult> results) {
        SortedMap<Long, List<ObjectNode>> objects = new TreeMap<>();
        steps.forEach(step -> objects.computeIfAbsent(step.step(), _ -> new ArrayList<>()).add(object(step)));
        results.forEach(result -> objects.computeIfAbsent(result.step(), _ -> new ArrayList<>()).add(object(result)));
        var text = new StringBuilder();
        for (List<ObjectNode> ofStep : objects.values()) {
            for (ObjectNode object : ofStep) {
                text.append(Json.write(object)).append('\n');
            }
        }
        return text.toString();
    }

    private static ObjectNode object(HeldOutResult result) {
        return JsonNodeFactory.instance.objectNode().put("step", result.step()).put("tokens", result.tokens()).put(HELD_OUT, result.klMean())
                .put("held_out_top1", result.top1Agreement());
    }

    private static ObjectNode object(StepMetrics step) {
        ObjectNode object = JsonNodeFactory.instance.objectNode().put("step", step.step()).put("steps", step.steps()).put("loss", step.loss());
        if (!Double.isNaN(step.divergence())) {
            object.put("divergence", step.divergence());
        }
        object.put("gradient_norm", step.gradientNorm()).put("learning_rate", step.learningRate()).put("tokens", step.tokens());
        return Double.isNaN(step.seconds()) ? object : object.put("seconds", step.seconds());
    }

    private static TrainingException failure(Path file, IOException cause) {
        return new TrainingException("[metrics] %s cannot be read or written: %s".formatted(file, Reasons.of(cause)));
    }
}
