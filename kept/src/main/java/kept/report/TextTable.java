package kept.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A table for a terminal: names left-aligned, numbers right-aligned, columns as wide as their widest cell, with lines of text between rows. */
public final class TextTable {
    private static final String GAP = "  ";

    /** A row of cells, or a line of text outside the columns. */
    private sealed interface Item {
        record Row(List<String> cells) implements Item { }

        record Line(String text) implements Item { }
    }

    private final List<Item> items = new ArrayList<>();
    private final int[] widths;

    /**
     * Creates a table without rows.
     *
     * @param headings the heading of each column
     */
    public TextTable(String... headings) {
        widths = new int[headings.length];
        row(headings);
    }

    /**
     * Adds a row.
     *
     * @param cells one for each column; missing ones are empty
     */
    public void row(String... cells) {
        for (int column = 0; column < cells.length; column++) {
            widths[column] = Math.max(widths[column], cells[column].length());
        }
        items.add(new Item.Row(List.of(Arrays.copyOf(cells, cells.length))));
    }

    /**
     * Adds a line of text, which does not affect the widths of columns.
     *
     * @param text the line
     */
    public void line(String text) {
        items.add(new Item.Line(text));
    }

    /**
     * Prints the table.
     *
     * @param out the output; flushed, not closed
     */
    public void print(PrintWriter out) {
        for (Item item : items) {
            out.print(switch (item) {
                case Item.Row(List<String> cells) -> aligned(cells) + "\n";
                case Item.Line(String text) -> text + "\n";
            });
        }
        out.flush();
    }

    /** The last cell has no trailing space. */
    private String aligned(List<String> cells) {
        var line = new StringBuilder(("%-" + Math.max(1, widths[0]) + "s").formatted(cells.getFirst()));
        for (int column = 1; column < cells.size(); column++) {
            line.append(GAP).append(("%" + Math.max(1, widths[column]) + "s").formatted(cells.get(column)));
        }
        return line.toString().stripTrailing();
    }
}
