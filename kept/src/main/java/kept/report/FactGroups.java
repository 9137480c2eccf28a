package kept.report;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Facts about a run for a reader: related ones under one heading, names in words, and no constants of a program. */
final class FactGroups {
    /** The heading of what stands alone. */
    private static final String RUN = "run";
    private static final Pattern HUMP = Pattern.compile("(?<=[a-z])(?=[A-Z])");
    private static final Pattern CONSTANT = Pattern.compile("[A-Z][A-Z0-9]*(_[A-Z0-9]+)*");

    private FactGroups() { }

    /**
     * Groups facts. A value that is a map is a group of its own, under its name; so are values whose names begin alike up to {@code ", "} or
     * {@code ": "}.
     *
     * @param facts the facts by name, in order
     * @return the facts as texts, by name, by heading; those that stand alone come first
     */
    static SequencedMap<String, SequencedMap<String, String>> of(Map<String, ?> facts) {
        SequencedMap<String, SequencedMap<String, String>> groups = new LinkedHashMap<>();
        groups.put(RUN, new LinkedHashMap<>());
        facts.forEach((name, value) -> {
            String[] parts = name.split(", |: ", 2);
            if (value instanceof Map<?, ?> inner) {
                inner.forEach((part, fact) -> add(groups, name, String.valueOf(part), fact));
            } else if (parts.length == 2) {
                add(groups, parts[0], parts[1], value);
            } else {
                add(groups, groups.containsKey(name) ? name : RUN, name, value);
            }
        });
        groups.values().removeIf(Map::isEmpty);
        return groups;
    }

    private static void add(SequencedMap<String, SequencedMap<String, String>> groups, String heading, String name, Object value) {
        groups.computeIfAbsent(heading, _ -> new LinkedHashMap<>()).put(words(name), text(value));
    }

    private static String words(String name) {
        String spaced = HUMP.matcher(name).replaceAll(" ").replace('_', ' ');
        return HUMP.matcher(name).find() ? spaced.toLowerCase(Locale.ROOT) : spaced;
    }

    private static String text(Object value) {
        return switch (value) {
            case null -> Figures.NONE;
            case Collection<?> list -> list.stream().map(FactGroups::text).collect(Collectors.joining(", "));
            case Map<?, ?> map -> map.entrySet().stream().map(entry -> words(String.valueOf(entry.getKey())) + " " + text(entry.getValue()))
                .collect(Collectors.joining(", "));
            default -> {
                String text = String.valueOf(value);
                yield CONSTANT.matcher(text).matches() ? text.toLowerCase(Locale.ROOT).replace('_', ' ') : text;
            }
        };
    }
}
