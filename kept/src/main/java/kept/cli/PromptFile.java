package kept.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import kept.io.InputFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;

/** Prompts from a file: one text, or a line each, or in a .jsonl file a JSON string or object each. */
public final class PromptFile {
    private PromptFile() {}

    /** The whole file. */
    public static String text(Path file) {
        InputFiles.irregularity(file).ifPresent(problem -> {
            throw new ProgramException("[generate] %s %s".formatted(file, problem));
        });
        try {
            return TextFiles.read(file);
        } catch (IOException e) {
            throw new ProgramException("[generate] %s cannot be read: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    /** The prompts that lines of a file are; empty lines are none. */
    public static List<String> lines(Path file) {
        List<String> lines = text(file).lines().toList();
        boolean json = file.getFileName().toString().endsWith(".jsonl");
        List<String> prompts = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            if (!lines.get(i).isBlank()) {
                prompts.add(json ? prompt(file, i + 1, lines.get(i)) : lines.get(i));
            }
        }
        if (prompts.isEmpty()) {
            throw new ProgramException("[generate] %s holds no prompt".formatted(file));
        }
        return prompts;
    }

    private static String prompt(Path file, int number, String line) {
        try {
            JsonNode value = Json.parseRecord(line);
            JsonNode prompt = value.isObject() ? value.path("prompt") : value;
            if (prompt.isTextual()) {
                return prompt.asText();
            }
            throw new ProgramException("[generate] %s, line %d is neither a JSON string nor an object with a string \"prompt\""
                    .formatted(file, number));
        } catch (JsonException e) {
            throw new ProgramException("[generate] %s, line %d is not JSON: %s".formatted(file, number, e.withinLine()), e);
        }
    }
}
