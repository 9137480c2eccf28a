package kept.io;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** In what a run that goes on differs from the run that was begun, in words. */
public final class SettingDifferences {
    private static final String ABSENT = "absent";
    /** So many are told one by one. */
    private static final int MOST = 4;
    /** A value with parts: {@code Cosine[peak=0.001, warmUp=10]}. */
    private static final Pattern PARTS = Pattern.compile("(\\w+)\\[(.*)]", Pattern.DOTALL);

    private SettingDifferences() { }

    /**
     * The names of what differs.
     *
     * @param before what the run was begun with, by name
     * @param now what it would go on with, by name
     * @return the names, in order; empty if both are the same
     */
    public static List<String> names(Map<String, String> before, Map<String, String> now) {
        var names = new TreeSet<>(before.keySet());
        names.addAll(now.keySet());
        names.removeIf(name -> before.getOrDefault(name, ABSENT).equals(now.getOrDefault(name, ABSENT)));
        return List.copyOf(names);
    }

    /**
     * Says what differs.
     *
     * @param names the names to tell of
     * @param before what the run was begun with, by name
     * @param now what it would go on with, by name
     * @return as in {@code seed was 0, is 9; batch size was 4, is 2}
     */
    public static String inWords(List<String> names, Map<String, String> before, Map<String, String> now) {
        List<String> differences = new ArrayList<>();
        names.stream().limit(MOST).forEach(name -> addTo(differences, name, before.getOrDefault(name, ABSENT),
            now.getOrDefault(name, ABSENT)));
        if (names.size() > MOST) {
            differences.add("and %d more".formatted(names.size() - MOST));
        }
        return String.join("; ", differences);
    }

    /** Of values with parts, as a schedule of the learning rate, those parts are told that differ. */
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

    /** The parts by their names; a comma within brackets divides nothing. */
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
