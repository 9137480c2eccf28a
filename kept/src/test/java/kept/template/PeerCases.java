package kept.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What transformers made of templates; see make_templates.py beside the files. */
final class PeerCases {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** When the cases were rendered, by the clock that they were given. */
    private static final LocalDateTime NOW = LocalDateTime.of(2026, 3, 5, 7, 8, 9, 123_456_000);

    private PeerCases() {}

    /** How a file's cases came out: those that are otherwise than at the peer, and those that are refused though the peer renders them. */
    record Outcome(int cases, List<String> differences, List<String> refused) {}

    static JsonNode read(String file) throws IOException {
        try (InputStream json = PeerCases.class.getResourceAsStream("/kept/template/" + file)) {
            return JSON.readTree(json);
        }
    }

    static String template(String name) throws IOException {
        try (InputStream text = PeerCases.class.getResourceAsStream("/kept/template/families/" + name)) {
            return new String(text.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(JsonNode variables) {
        return JSON.convertValue(variables, Map.class);
    }

    static String render(String template, Map<String, Object> variables) {
        return Template.parse(template).render(variables, TemplateLimits.DEFAULT, () -> NOW);
    }

    /** Renders every case: equal to the byte, failing where the peer fails, or refused with a message that says that something is not supported. */
    static Outcome compare(String file) throws IOException {
        JsonNode root = read(file);
        Map<String, Object> variables = map(root.path("variables"));
        var differences = new ArrayList<String>();
        var refused = new ArrayList<String>();
        for (JsonNode one : root.path("cases")) {
            String name = one.path("template").asText();
            String template = name.endsWith(".jinja") ? template(name) : name;
            String expected = one.has("text") ? one.path("text").asText() : null;
            try {
                String text = render(template, one.has("variables") ? map(one.path("variables")) : variables);
                if (!text.equals(expected)) {
                    differences.add("%s%n  gave %s%n  not  %s".formatted(one, JSON.writeValueAsString(text), expected));
                }
            } catch (TemplateException e) {
                if (expected != null && e.getMessage().contains("not supported")) {
                    refused.add(name + ": " + e.getMessage());
                } else if (expected != null) {
                    differences.add("%s%n  failed: %s".formatted(one, e.getMessage()));
                }
            }
        }
        return new Outcome(root.path("cases").size(), differences, refused);
    }
}
