package kept.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Prints the table row by row as cases finish. */
final class Table {
    private final PrintStream out;
    private final boolean plain;

    /**
     * Creates a table.
     *
     * @param out receives the table
     * @param plain whether the table has a column for the plain loop
     */
    Table(PrintStream out, boolean plain) {
        this.out = out;
        this.plain = plain;
    }

    /** Prints the column headers. */
    void begin() {
        out.printf("%-22s %-16s %11s %11s %6s", "", "", "kept ms", "peer ms", "ratio");
        if (plain) {
            out.printf(" %11s", "plain ms");
        }
        out.printf(" %11s %25s %5s%n", "rate", "bound", "%");
    }

    /** Prints a row. */
    void add(Row row) {
        out.printf("%-22s %-16s %11s %11s %6s", row.benchmark(), row.sizes(), fixed(row.oursMillis(), 3), fixed(row.peerMillis(), 3),
                fixed(row.ratio(), 2));
        if (plain) {
            out.printf(" %11s", fixed(row.plainMillis(), 1));
        }
        out.printf(" %11s %25s %5s%n", fixed(row.rate(), 1), row.bound() + " " + fixed(row.ceiling(), 1), fixed(row.percentOfCeiling(), 0));
        out.flush();
    }

    /** Prints the geometric means of the ratios to the peer and of the percentages of the bound. */
    void end(String suite, List<Row> rows) {
        if (rows.size() > 1) {
            boolean peer = rows.stream().allMatch(row -> row.ratio() != null);
            out.printf("%s, geometric mean of %d: %s%s %% of the bound%n", suite, rows.size(),
                    peer ? "ratio " + fixed(mean(rows.stream().mapToDouble(Row::ratio).toArray()), 2) + ", " : "",
                    fixed(mean(rows.stream().mapToDouble(Row::percentOfCeiling).toArray()), 0));
        }
    }

    private static double mean(double... values) {
        double sum = 0;
        for (double value : values) {
            sum += Math.log(value);
        }
        return Math.exp(sum / values.length);
    }

    private static String fixed(Double value, int digits) {
        return value == null ? "" : String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
