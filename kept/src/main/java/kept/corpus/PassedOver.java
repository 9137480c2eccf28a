package kept.corpus;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import kept.text.Counts;

/**
 * Counts of what a reader of a corpus has skipped, for messages.
 *
 * @param hidden files and folders whose name begins with a dot, or {@code __MACOSX}, in folders and archives
 * @param otherKinds the number of files in folders and archives that are of no supported kind, by the endings of their names, such as {@code .csv}
 * @param links links in folders that lead to nothing or back to a folder above
 * @param emptyRecords records whose text is null or white space, and conversations without messages
 * @param repeated files that are read already, under this name or another
 */
public record PassedOver(long hidden, Map<String, Long> otherKinds, long links, long emptyRecords, long repeated) {
    /** Nothing. */
    public static final PassedOver NONE = new PassedOver(0, Map.of(), 0, 0, 0);

    /** A name of another form has no ending that says its kind. */
    private static final Pattern ENDING = Pattern.compile("\\.[\\p{Alnum}_+-]{1,12}");
    private static final String NO_ENDING = "without ending";
    private static final int ENDINGS_SHOWN = 6;

    /** Makes the map immutable, and sorts it, the most frequent first. */
    public PassedOver {
        Map<String, Long> sorted = new LinkedHashMap<>();
        otherKinds.entrySet().stream().sorted(Map.Entry.<String, Long>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
                .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
        otherKinds = Collections.unmodifiableMap(sorted);
    }

    PassedOver withHidden() {
        return plus(new PassedOver(1, Map.of(), 0, 0, 0));
    }

    /** Counts a file of an unsupported kind. */
    PassedOver withOtherKind(String name) {
        String ending = TextFormat.ending(name.substring(name.lastIndexOf('/') + 1)).toLowerCase(Locale.ROOT);
        return plus(new PassedOver(0, Map.of(ENDING.matcher(ending).matches() ? ending : NO_ENDING, 1L), 0, 0, 0));
    }

    PassedOver withLink() {
        return plus(new PassedOver(0, Map.of(), 1, 0, 0));
    }

    PassedOver withEmptyRecords(long count) {
        return plus(new PassedOver(0, Map.of(), 0, count, 0));
    }

    PassedOver withRepeated() {
        return plus(new PassedOver(0, Map.of(), 0, 0, 1));
    }

    PassedOver plus(PassedOver other) {
        Map<String, Long> all = new LinkedHashMap<>(otherKinds);
        other.otherKinds.forEach((ending, count) -> all.merge(ending, count, Long::sum));
        return new PassedOver(hidden + other.hidden, all, links + other.links, emptyRecords + other.emptyRecords, repeated + other.repeated);
    }

    private long others() {
        return otherKinds.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The counts in words, to be appended to a message; empty if nothing was skipped. */
    String inWords() {
        List<String> words = new ArrayList<>();
        add(words, hidden, "hidden file or folder", "hidden files or folders");
        if (others() > 0) {
            words.add("%s (%s)".formatted(Counts.of(others(), "file of another kind", "files of other kinds"), endings()));
        }
        add(words, links, "link to nothing or in a circle", "links to nothing or in a circle");
        add(words, emptyRecords, "record without text", "records without text");
        add(words, repeated, "file that is given twice", "files that are given twice");
        return words.isEmpty() ? "" : "; passed over: " + String.join(", ", words);
    }

    private String endings() {
        String shown = otherKinds.entrySet().stream().limit(ENDINGS_SHOWN).map(entry -> "%,d %s".formatted(entry.getValue(), entry.getKey()))
                .collect(Collectors.joining(", "));
        return otherKinds.size() <= ENDINGS_SHOWN ? shown : shown + ", ...";
    }

    private static void add(List<String> words, long count, String one, String many) {
        if (count > 0) {
            words.add(Counts.of(count, one, many));
        }
    }

    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("hidden", hidden);
        map.put("other_kinds", others());
        map.put("other_endings", otherKinds);
        map.put("links", links);
        map.put("empty_records", emptyRecords);
        map.put("repeated", repeated);
        return map;
    }
}
