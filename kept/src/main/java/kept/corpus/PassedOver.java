package kept.corpus;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.text.Counts;

/**
 * Counts of what a reader of a corpus has skipped, for messages.
 *
 * @param hidden files and folders whose name begins with a dot, or {@code __MACOSX}, in folders and archives
 * @param otherKinds files in folders and archives that are of no supported kind
 * @param links links in folders that lead to nothing or back to a folder above
 * @param emptyRecords records of JSON lines whose text is null or white space
 */
public record PassedOver(long hidden, long otherKinds, long links, long emptyRecords) {
    /** Nothing. */
    public static final PassedOver NONE = new PassedOver(0, 0, 0, 0);

    PassedOver withHidden() {
        return new PassedOver(hidden + 1, otherKinds, links, emptyRecords);
    }

    PassedOver withOtherKind() {
        return new PassedOver(hidden, otherKinds + 1, links, emptyRecords);
    }

    PassedOver withLink() {
        return new PassedOver(hidden, otherKinds, links + 1, emptyRecords);
    }

    PassedOver withEmptyRecords(long count) {
        return new PassedOver(hidden, otherKinds, links, emptyRecords + count);
    }

    PassedOver plus(PassedOver other) {
        return new PassedOver(hidden + other.hidden, otherKinds + other.otherKinds, links + other.links, emptyRecords + other.emptyRecords);
    }

    /** The counts in words, to be appended to a message; empty if nothing was skipped. */
    String inWords() {
        List<String> words = new ArrayList<>();
        add(words, hidden, "hidden file or folder", "hidden files or folders");
        add(words, otherKinds, "file of another kind", "files of other kinds");
        add(words, links, "link to nothing or in a circle", "links to nothing or in a circle");
        add(words, emptyRecords, "record without text", "records without text");
        return words.isEmpty() ? "" : "; passed over: " + String.join(", ", words);
    }

    private static void add(List<String> words, long count, String one, String many) {
        if (count > 0) {
            words.add(Counts.of(count, one, many));
        }
    }

    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("hidden", hidden);
        map.put("other_kinds", otherKinds);
        map.put("links", links);
        map.put("empty_records", emptyRecords);
        return map;
    }
}
