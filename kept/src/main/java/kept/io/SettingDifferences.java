package kept.io;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Describes the differences between the settings of a run and those with which it is resumed. */
public final class SettingDifferences {
    private static final String ABSENT = "absent";
    /** How many differences are listed. */
    private static final int MAX_LISTED = 4;
    /** A record as Java prints it. */
    private static final Pattern RECORD = Pattern.compile("(\\w+)\\[(.*)]", Pattern.DOTALL);
    /** Records whose class says nothing that their setting's name does not. */
    private static final Set<String> UNNAMED = Set.of("DecoderConfig", "Settings", "DistillationObjective");

    private SettingDifferences() { }

    /**
     * Returns the names of the settings that differ.
     *
     * @param before the settings the run was started with, by name
     * @param now the settings of the resuming run, by name
     * @return the names, in order; empty if all are equal
     */
    public static List<String> names(Map<String, String> before, Map<String, String> now) {
        Map<String, String> were = flattened(before);
        Map<String, String> are = flattened(now);
        var names = new TreeSet<>(were.keySet());
        names.addAll(are.keySet());
        names.removeIf(name -> were.getOrDefault(name, ABSENT).equals(are.getOrDefault(name, ABSENT)));
        return List.copyOf(names);
    }

    /**
     * Describes the differences.
     *
     * @param names the names of the settings that differ
     * @param before the settings the run was started with, by name
     * @param now the settings of the resuming run, by name
     * @return for example {@code seed was 0, is 9; batch size was 4, is 2}
     */
    public static String inWords(List<String> names, Map<String, String> before, Map<String, String> now) {
        List<String> differences = new ArrayList<>();
        Map<String, String> were = flattened(before);
        Map<String, String> are = flattened(now);
        // The parts of a setting count as one.
        var listed = new LinkedHashSet<String>();
        int left = 0;
        for (String name : names) {
            String setting = name.replaceFirst(", .*", "");
            if (listed.contains(setting) || listed.size() < MAX_LISTED) {
                listed.add(setting);
                differences.add("%s was %s, is %s".formatted(name, were.getOrDefault(name, ABSENT), are.getOrDefault(name, ABSENT)));
            } else {
                left++;
            }
        }
        if (left > 0) {
            differences.add("and %d more".formatted(left));
        }
        return String.join("; ", differences);
    }

    /**
     * Settings with each part under a name of its own, as in {@code learning rate, peak}. Former versions saved records as Java prints them, such as
     * {@code Cosine[peak=0.001, warmUpSteps=10]}: their states can be resumed all the same.
     */
    private static Map<String, String> flattened(Map<String, String> settings) {
        Map<String, String> flat = new LinkedHashMap<>();
        settings.forEach((name, value) -> addTo(flat, name, value));
        return flat;
    }

    private static void addTo(Map<String, String> flat, String name, String value) {
        Matcher record = RECORD.matcher(value);
        if (!record.matches()) {
            flat.put(name, value.equals("OptionalInt.empty") ? "none" : value);
        } else if (record.group(1).equals("OptionalInt")) {
            flat.put(name, record.group(2));
        } else {
            if (!UNNAMED.contains(record.group(1))) {
                flat.put(name, record.group(1).toLowerCase(Locale.ROOT));
            }
            parts(record.group(2)).forEach((part, inner) -> addTo(flat, name + ", " + part, inner));
        }
    }

    /** Returns the components by name; commas within brackets do not separate. */
    private static Map<String, String> parts(String text) {
        Map<String, String> parts = new LinkedHashMap<>();
        int depth = 0;
        int from = 0;
        for (int at = 0; at <= text.length(); at++) {
            if (at == text.length() || depth == 0 && text.startsWith(", ", at)) {
                String part = text.substring(from, at).strip();
                int equals = part.indexOf('=');
                if (!part.isEmpty()) {
                    parts.put(equals < 0 ? part : part.substring(0, equals), equals < 0 ? "" : part.substring(equals + 1));
                }
                from = at + 1;
            } else {
                depth += text.charAt(at) == '[' ? 1 : text.charAt(at) == ']' ? -1 : 0;
            }
        }
        return parts;
    }
}
