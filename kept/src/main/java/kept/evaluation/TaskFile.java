package kept.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import kept.io.InputFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;

/** Reads questions from JSON lines. Unknown keys are errors, because a mistyped key would change the score without notice. */
final class TaskFile {
    private static final Set<String> KEYS = Set.of("context", "choices", "answer", "group", "description");

    private final String place;
    private final JsonNode line;

    private TaskFile(String place, JsonNode line) {
        this.place = place;
        this.line = line;
    }

    static List<Question> read(Path file) {
        List<Question> questions = new ArrayList<>();
        InputFiles.irregularity(file).ifPresent(problem -> {
            throw new EvaluationException("[task] " + file + " " + problem);
        });
        try {
            List<String> lines = TextFiles.read(file).lines().toList();
            for (int i = 0; i < lines.size(); i++) {
                if (!lines.get(i).isBlank()) {
                    questions.add(question(file + ", line " + (i + 1), lines.get(i)));
                }
            }
        } catch (NoSuchFileException e) {
            throw new EvaluationException("[task] " + file + " does not exist", e);
        } catch (IOException e) {
            throw new EvaluationException("[task] " + file + " cannot be read: " + Reasons.of(e), e);
        }
        if (questions.isEmpty()) {
            throw new EvaluationException("[task] " + file + " holds no question: each line must be an object with context, choices and answer");
        }
        return questions;
    }

    private static Question question(String place, String text) {
        try {
            return new TaskFile(place, Json.parseRecord(text)).question();
        } catch (JsonException e) {
            throw new EvaluationException("[task] " + place + " is not JSON: " + e.withinLine(), e);
        }
    }

    private Question question() {
        if (!line.isObject()) {
            throw problem("is not a JSON object: it must have context, choices and answer");
        }
        for (var entry : line.properties()) {
            if (!KEYS.contains(entry.getKey())) {
                throw problem("has a key \"" + entry.getKey() + "\", which is none of context, choices, answer, group and description");
            }
        }
        List<String> choices = choices();
        String context = text("context", line.path("context"));
        return new Question(place, optional("group"), optional("description"), context, choices, answer(choices.size()));
    }

    private List<String> choices() {
        JsonNode array = line.path("choices");
        if (!array.isArray() || array.size() < 2) {
            throw problem("must have a list of two or more texts in \"choices\"");
        }
        List<String> choices = new ArrayList<>();
        for (JsonNode item : array) {
            String choice = text("choice " + choices.size(), item);
            if (choice.isEmpty()) {
                throw problem("has an empty choice (choice %d): there is nothing to score".formatted(choices.size()));
            }
            choices.add(choice);
        }
        return choices;
    }

    private int answer(int choices) {
        JsonNode answer = line.path("answer");
        if (!answer.isIntegralNumber() || !answer.canConvertToInt() || answer.intValue() < 0 || answer.intValue() >= choices) {
            throw problem("must have in \"answer\" the index of the right choice, 0 to %d, not %s".formatted(choices - 1,
                    answer.isMissingNode() ? "nothing" : answer));
        }
        return answer.intValue();
    }

    private String optional(String key) {
        return line.hasNonNull(key) ? text(key, line.get(key)) : "";
    }

    private String text(String what, JsonNode value) {
        if (!value.isTextual()) {
            throw problem("has no text in \"%s\"".formatted(what));
        }
        return value.textValue();
    }

    private EvaluationException problem(String what) {
        return new EvaluationException("[task] " + place + " " + what);
    }
}
