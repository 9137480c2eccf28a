package kept.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import kept.io.FileException;

/** The metrics of steps in a training state: a line for each step, without its seconds, which differ from run to run. */
final class SavedMetrics {
    private SavedMetrics() {}

    static String encode(List<StepMetrics> metrics) {
        return metrics.stream().map(step -> "%d %d %s %s %s %s %d".formatted(step.step(), step.steps(), step.loss(), step.divergence(),
                step.gradientNorm(), step.learningRate(), step.tokens())).collect(Collectors.joining("\n"));
    }

    static List<StepMetrics> decode(Path file, String lines) {
        List<StepMetrics> metrics = new ArrayList<>();
        try {
            for (String line : lines.isEmpty() ? new String[0] : lines.split("\n")) {
                String[] numbers = line.split(" ");
                metrics.add(new StepMetrics(Long.parseLong(numbers[0]), Long.parseLong(numbers[1]), Double.parseDouble(numbers[2]),
                        Double.parseDouble(numbers[3]), Double.parseDouble(numbers[4]), Double.parseDouble(numbers[5]), Long.parseLong(numbers[6]),
                        Double.NaN));
            }
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new FileException("training state", file, "its metrics are not numbers; it is not a training state");
        }
        return metrics;
    }
}
