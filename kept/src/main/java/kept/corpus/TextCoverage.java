package kept.corpus;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import kept.text.Counts;

/**
 * The part of a corpus that was read: all of it, its beginning, or a sample.
 *
 * @param origin the corpus, in a few words
 * @param part which part this is
 * @param extent the end of the last document that was read
 * @param documents the number of documents read
 * @param characters their characters (UTF-16 code units)
 * @param tokens their tokens, special tokens between documents included
 * @param used how many of these tokens are measured or evaluated on; empty for a training text, for which the run reports it
 */
public record TextCoverage(String origin, Part part, TextExtent extent, long documents, long characters, long tokens, OptionalLong used) {

    /** Which part of a corpus was read. */
    public enum Part {
        /** All of it. */
        ALL("all of it"),
        /** Its beginning. */
        BEGINNING("the beginning only"),
        /** Documents that a seed chose from all of it. */
        DRAWN("drawn from all of it");

        private final String words;

        Part(String words) {
            this.words = words;
        }
    }

    /**
     * Whether this is all of the corpus.
     *
     * @return true if no document is left out
     */
    public boolean whole() {
        return part == Part.ALL;
    }

    /**
     * The coverage of a text that is read to measure or to evaluate on, which may take fewer tokens than are read.
     *
     * @param count how many tokens it takes
     * @return the same with this number
     */
    public TextCoverage using(long count) {
        return new TextCoverage(origin, part, extent, documents, characters, tokens, OptionalLong.of(count));
    }

    /**
     * Describes the part that was read, and the part of it that is used if that is less, in words for a log.
     *
     * @return the corpus, whether it is all of it, and the numbers
     */
    public String description() {
        String files = extent.files() == extent.allFiles() ? Counts.of(extent.allFiles(), "file") : "%,d of %s".formatted(
                extent.files(), Counts.of(extent.allFiles(), "file"));
        String bytes = part != Part.BEGINNING ? Counts.of(extent.allBytes(), "byte")
                : "%,d of %,d bytes (%s)".formatted(extent.bytes(), extent.allBytes(), share());
        String ofThem = used.orElse(tokens) < tokens ? ", of which %,d are used".formatted(used.getAsLong()) : "";
        return "%s: %s: %s, %s, %s, %s, %s%s%s".formatted(origin, part.words, files,
                Counts.of(documents, "document"), bytes, Counts.of(characters, "character"), Counts.of(tokens, "token"), ofThem,
                extent.passedOver().inWords());
    }

    private String share() {
        double share = 100.0 * extent.bytes() / Math.max(1, extent.allBytes());
        return share >= 0.1 || share == 0 ? "%.1f %%".formatted(share) : "%.2g %%".formatted(share);
    }

    /**
     * The numbers as an object for JSON.
     *
     * @return the numbers by their names
     */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("origin", origin);
        map.put("whole", whole());
        map.put("drawn", part == Part.DRAWN);
        map.put("files", extent.files());
        map.put("files_of", extent.allFiles());
        map.put("bytes", extent.bytes());
        map.put("bytes_of", extent.allBytes());
        map.put("documents", documents);
        map.put("characters", characters);
        map.put("tokens", tokens);
        used.ifPresent(count -> map.put("used_tokens", count));
        map.put("passed_over", extent.passedOver().toMap());
        return map;
    }
}
