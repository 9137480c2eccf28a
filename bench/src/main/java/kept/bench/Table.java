package kept.bench;

import java.io.PrintStream;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** Prints the rows of one suite as its cases finish. */
final class Table {
    private final PrintStream out;
    private final List<Peer> peers;
    private final boolean plain;

    /**
     * Creates a table.
     *
     * @param out receives the table
     * @param peers the peers that have columns, in this order
     * @param plain whether the table has a column for the plain loop
     */
    Table(PrintStream out, Collection<Peer> peers, boolean plain) {
        this.out = out;
        this.peers = List.copyOf(peers);
        this.plain = plain;
    }

    /** Prints the column headers. */
    void begin() {
        out.printf("%-22s %-16s %11s", "", "", "kept ms");
        for (Peer peer : peers) {
            out.printf(" %12s %5s", peer.label() + " ms", "ratio");
        }
        if (plain) {
            out.printf(" %11s", "plain ms");
        }
        out.printf(" %9s %28s %5s%n", "rate", "bound", "%");
    }

    /** Prints a row. */
    void add(Row row) {
        out.printf("%-22s %-16s %11s", row.benchmark(), row.sizes(), fixed(row.oursMillis(), 3));
        for (Peer peer : peers) {
            Row.PeerTime time = row.peer(peer);
            out.printf(" %12s %5s", time == null ? "" : fixed(time.millis(), 3), time == null ? "" : fixed(time.ratio(), 2));
        }
        if (plain) {
            out.printf(" %11s", row.plainMillis() == null ? "" : fixed(row.plainMillis(), 1));
        }
        Row.Bound bound = row.bound();
        out.printf(" %9s %28s %5s%n", fixed(row.rate(), 1), bound.name() + " " + fixed(bound.rate(), 1), fixed(bound.percent(), 0));
        out.flush();
    }

    /** Prints the geometric means of the ratios to each peer, with the lowest one, and of the percentages of the bound. */
    void end(String suite, List<Row> rows) {
        if (rows.size() < 2) {
            return;
        }
        out.printf("%s, geometric mean of %d: ", suite, rows.size());
        for (Peer peer : peers) {
            double[] ratios = rows.stream().map(row -> row.peer(peer)).filter(Objects::nonNull).mapToDouble(Row.PeerTime::ratio).toArray();
            if (ratios.length == rows.size()) {
                double lowest = rows.stream().mapToDouble(row -> row.peer(peer).ratio()).min().orElseThrow();
                out.printf("%s ratio %s (lowest %s), ", peer.label(), fixed(mean(ratios), 2), fixed(lowest, 2));
            }
        }
        out.printf("%s %% of the bound%n", fixed(mean(rows.stream().mapToDouble(row -> row.bound().percent()).toArray()), 0));
        out.flush();
    }

    private static double mean(double... values) {
        double sum = 0;
        for (double value : values) {
            sum += Math.log(value);
        }
        return Math.exp(sum / values.length);
    }

    private static String fixed(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
