package kept.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Prints rows as they come. */
final class Table {
    private final PrintStream out;
    private final boolean plain;

    /**
     * A table.
     *
     * @param out where to
     * @param plain whether there is a column for the plain loop
     */
    Table(PrintStream out, boolean plain) {
        this.out = out;
        this.plain = plain;
    }

    /** Prints the column heads. */
    void begin() {
        out.printf("%-22s %-16s %11s %11s %6s", "", "", "ours ms", "peer ms", "ratio");
        if (plain) {
            out.printf(" %11s", "plain ms");
        }
        out.printf(" %11s %25s %5s%n", "ours", "ceiling", "%");
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

    /** Prints the geometric means of some rows' ratios and parts of the ceiling. */
    void end(String of, List<Row> rows) {
        if (rows.size() > 1) {
            boolean peer = rows.stream().allMatch(row -> row.ratio() != null);
            out.printf("%s, geometric mean of %d: %s%s %% of the ceiling%n", of, rows.size(),
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
