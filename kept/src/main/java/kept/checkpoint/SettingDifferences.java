package kept.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** In what a run that goes on differs from the run that was begun, in words. */
public final class SettingDifferences {
    private static final String ABSENT = "absent";
    /** So many are told one by one. */
    private static final int MOST = 4;

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
        names.stream().limit(MOST).forEach(name -> differences.add("%s was %s, is %s".formatted(
            name, before.getOrDefault(name, ABSENT), now.getOrDefault(name, ABSENT))));
        if (names.size() > MOST) {
            differences.add("and %d more".formatted(names.size() - MOST));
        }
        return String.join("; ", differences);
    }
}
