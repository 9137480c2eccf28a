package kept.distill;

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
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import kept.checkpoint.AtomicFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;

/**
 * The metrics of a run as JSON lines, one object for each step, so that a program can follow the run while it goes on: {@code step}, {@code steps},
 * {@code loss}, {@code divergence}, {@code gradient_norm}, {@code learning_rate}, {@code tokens}, {@code seconds} of {@link StepMetrics}. A run
 * without a teacher has no {@code divergence}. Where the student was judged on held-out text there is an object more after that of the step, with
 * {@code step}, {@code tokens}, {@code held_out_kl} and {@code held_out_top1} of {@link HeldOutResult}; the first one is of step 0.
 */
public final class MetricsLog implements AutoCloseable {
    private static final String HELD_OUT = "held_out_kl";

    private final Path file;
    private final BufferedWriter writer;
    private final List<StepMetrics> steps;

    private MetricsLog(Path file, List<StepMetrics> steps) throws IOException {
        this.file = file;
        this.steps = steps;
        this.writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /**
     * Opens a log; what it holds of later steps than the run has done, because the run was killed before its state was saved, is dropped.
     *
     * @param file the log, which may not exist yet
     * @param lastStep the last step of the run so far
     * @param heldOut the results on held-out text so far
     * @return the log
     * @throws TrainingException if it cannot be read or written
     */
    public static MetricsLog open(Path file, long lastStep, HeldOutCurve heldOut) {
        try {
            List<StepMetrics> steps = new ArrayList<>();
            if (Files.exists(file)) {
                List<String> lines = TextFiles.read(file).lines().toList();
                for (int i = 0; i < lines.size() && steps.size() < lastStep; i++) {
                    if (!lines.get(i).isBlank() && !lines.get(i).contains(HELD_OUT)) {
                        steps.add(parsed(file, i + 1, lines.get(i)));
                    }
                }
                AtomicFiles.write(file, lines(steps, heldOut.results()).getBytes(StandardCharsets.UTF_8));
            }
            return new MetricsLog(file, steps);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /**
     * Adds a step.
     *
     * @param metrics what it showed
     * @throws TrainingException if it cannot be written
     */
    public void add(StepMetrics metrics) {
        steps.add(metrics);
        append(List.of(metrics), List.of());
    }

    /**
     * Adds what was found on held-out text.
     *
     * @param result the result
     * @throws TrainingException if it cannot be written
     */
    public void add(HeldOutResult result) {
        append(List.of(), List.of(result));
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
     * All steps of the run, those before it was taken up again included.
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

    /** Each result stands behind its step. */
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
        return object.put("gradient_norm", step.gradientNorm()).put("learning_rate", step.learningRate())
                .put("tokens", step.tokens()).put("seconds", step.seconds());
    }

    private static StepMetrics parsed(Path file, int number, String line) {
        JsonNode object;
        try {
            object = Json.parse(line);
        } catch (JsonException e) {
            throw new TrainingException("[metrics] %s, line %d is not JSON: %s; it was changed since the run wrote it"
                    .formatted(file, number, e.withinLine()));
        }
        return new StepMetrics(object.path("step").asLong(), object.path("steps").asLong(), object.path("loss").asDouble(Double.NaN),
                object.path("divergence").asDouble(Double.NaN), object.path("gradient_norm").asDouble(Double.NaN),
                object.path("learning_rate").asDouble(Double.NaN), object.path("tokens").asLong(), object.path("seconds").asDouble(Double.NaN));
    }

    private static TrainingException failure(Path file, IOException cause) {
        return new TrainingException("[metrics] %s cannot be read or written: %s".formatted(file, Reasons.of(cause)));
    }
}
