package kept.model;

import java.util.ArrayList;
import java.util.List;

/**
 * Rows or positions that follow each other.
 *
 * @param from the first
 * @param to the one after the last
 */
public record Span(long from, long to) {
    /**
     * Divides rows into the fewest spans of a length, all nearly equally long: one of a few rows left over would be computed by another kernel, in
     * other bits ({@code matmul} has one for few rows).
     *
     * @param from the first row
     * @param to the row after the last
     * @param longest the most rows of a span, at least 1
     * @return the spans, in order; none if there are no rows
     */
    public static List<Span> divide(long from, long to, long longest) {
        long rows = to - from;
        long count = Math.ceilDiv(rows, longest);
        List<Span> spans = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            spans.add(new Span(from + rows * i / count, from + rows * (i + 1) / count));
        }
        return spans;
    }
}
