package kept.io;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Describes the differences between the settings of a run and those with which it is resumed. */
public final class SettingDifferences {
    private static final String ABSENT = "absent";
    /** How many differences are listed. */
    private static final int MAX_LISTED = 4;
    /** A value with components: {@code Cosine[peak=0.001, warmUp=10]}. */
    private static final Pattern PARTS = Pattern.compile("(\\w+)\\[(.*)]", Pattern.DOTALL);

    private SettingDifferences() { }

    /**
     * Returns the names of the settings that differ.
     *
     * @param before the settings the run was started with, by name
     * @param now the settings of the resuming run, by name
     * @return the names, in order; empty if all are equal
     */
    public static List<String> names(Map<String, String> before, Map<String, String> now) {
        var names = new TreeSet<>(before.keySet());
        names.addAll(now.keySet());
        names.removeIf(name -> before.getOrDefault(name, ABSENT).equals(now.getOrDefault(name, ABSENT)));
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
        names.stream().limit(MAX_LISTED).forEach(name -> addTo(differences, name, before.getOrDefault(name, ABSENT),
            now.getOrDefault(name, ABSENT)));
        if (names.size() > MAX_LISTED) {
            differences.add("and %d more".formatted(names.size() - MAX_LISTED));
        }
        return String.join("; ", differences);
    }

    /** For values with components, such as a learning-rate schedule, lists only the components that differ. */
    private static void addTo(List<String> differences, String name, String before, String now) {
        Matcher first = PARTS.matcher(before);
        Matcher second = PARTS.matcher(now);
        if (!first.matches() || !second.matches() || !first.group(1).equals(second.group(1))) {
            differences.add("%s was %s, is %s".formatted(name, plain(first, before), plain(second, now)));
            return;
        }
        Map<String, String> were = parts(first.group(2));
        Map<String, String> are = parts(second.group(2));
        for (String part : names(were, are)) {
            addTo(differences, name + ", " + part, were.getOrDefault(part, ABSENT), are.getOrDefault(part, ABSENT));
        }
    }

    private static String plain(Matcher value, String text) {
        if (!value.matches()) {
            return text;
        }
        List<String> parts = new ArrayList<>();
        parts(value.group(2)).forEach((name, part) -> parts.add(name + " " + part));
        return value.group(1).toLowerCase(Locale.ROOT) + (parts.isEmpty() ? "" : " (" + String.join(", ", parts) + ")");
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
