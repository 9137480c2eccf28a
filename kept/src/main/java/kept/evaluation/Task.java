package kept.evaluation;

import java.nio.file.Path;
import java.util.List;

/**
 * A set of questions with one score.
 *
 * @param name its name in tables
 * @param questions the questions, at least one
 */
public record Task(String name, List<Question> questions) {
    /** Makes the list of questions immutable. */
    public Task {
        questions = List.copyOf(questions);
    }

    /**
     * Reads a task from JSON lines: an object a line with {@code context}, {@code choices}, {@code answer} and, optionally, {@code group} and {@code
     * description}, the parts of a {@link Question}. Empty lines are skipped. The task has the file's name without its extension.
     *
     * @param file the file, UTF-8
     * @return the task
     * @throws EvaluationException if the file cannot be read, a line is no question, or there is none
     */
    public static Task read(Path file) {
        String name = file.getFileName().toString();
        return new Task(name.endsWith(".jsonl") ? name.substring(0, name.length() - ".jsonl".length()) : name, TaskFile.read(file));
    }
}
