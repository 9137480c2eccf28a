package kept.model;

import java.util.ArrayList;
import java.util.List;

/**
 * A range of consecutive rows or positions.
 *
 * @param from the first
 * @param to the end, exclusive
 */
public record Span(long from, long to) {
    /**
     * Divides rows into the fewest spans up to a length, all of nearly equal length. A short last span would be computed by another kernel
     * ({@code matmul} has one for few rows) with different bits.
     *
     * @param from the first row
     * @param to the end, exclusive
     * @param longest the maximum length of a span, at least 1
     * @return the spans, in order; empty if there are no rows
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
