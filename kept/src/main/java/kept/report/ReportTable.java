package kept.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import kept.distill.Fidelity;

/** The results for a terminal: a line for the teacher and one for each stage of the student, domain by domain, in aligned columns. */
final class ReportTable {
    private static final List<String> HEADINGS = List.of("", "perplexity", "KL mean", "KL p99", "top-1 agreement");
    private static final String GAP = "  ";

    private ReportTable() { }

    static void print(List<DomainResult> domains, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        for (DomainResult domain : domains) {
            rows.addAll(rows(domain));
        }
        int[] widths = widths(rows);
        out.print(line(HEADINGS, widths));
        int row = 0;
        for (DomainResult domain : domains) {
            out.print(domain.name() + "\n");
            for (int i = 0; i <= domain.stages().size(); i++) {
                out.print(line(rows.get(row++), widths));
            }
            if (domain.stages().size() > 1) {
                out.print("  KL %s -> %s: %s\n"
                        .formatted(domain.stages().firstEntry().getKey(), domain.stages().lastEntry().getKey(), domain.change()));
            }
        }
        out.flush();
    }

    private static List<List<String>> rows(DomainResult domain) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("  teacher", Figures.perplexity(domain.teacherPerplexity()), "", "", ""));
        for (Map.Entry<String, Fidelity> stage : domain.stages().entrySet()) {
            Fidelity fidelity = stage.getValue();
            rows.add(List.of("  " + stage.getKey(), Figures.perplexity(fidelity.perplexityStudent()), Figures.significant(fidelity.klMean()),
                Figures.significant(fidelity.klP99()), Figures.percentage(fidelity.top1Agreement())));
        }
        return rows;
    }

    private static int[] widths(List<List<String>> rows) {
        int[] widths = HEADINGS.stream().mapToInt(String::length).toArray();
        for (List<String> row : rows) {
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], row.get(column).length());
            }
        }
        return widths;
    }

    /** Names to the left, numbers to the right, nothing behind the last. */
    private static String line(List<String> cells, int[] widths) {
        var line = new StringBuilder(("%-" + Math.max(1, widths[0]) + "s").formatted(cells.getFirst()));
        for (int column = 1; column < widths.length; column++) {
            line.append(GAP).append(("%" + widths[column] + "s").formatted(cells.get(column)));
        }
        return line.toString().stripTrailing() + "\n";
    }
}
