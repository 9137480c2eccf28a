package kept.report;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import kept.evaluation.Fidelity;

/** The results for a terminal: a line for the teacher and one for each stage of the student, for each domain, in aligned columns. */
final class ReportTable {
    private ReportTable() { }

    static void print(List<DomainResult> domains, PrintWriter out) {
        var table = new TextTable("", "perplexity", "KL mean", "KL p99", "top-1 agreement");
        for (DomainResult domain : domains) {
            table.line(domain.name());
            table.row("  teacher", Figures.perplexity(domain.teacherPerplexity()));
            for (Map.Entry<String, Fidelity> stage : domain.stages().entrySet()) {
                Fidelity fidelity = stage.getValue();
                table.row("  " + stage.getKey(), Figures.perplexity(fidelity.perplexityStudent()), Figures.divergence(fidelity.klMean()),
                    Figures.significant(fidelity.klP99()), Figures.percentage(fidelity.top1Agreement()));
            }
            if (domain.stages().size() > 1) {
                table.line("  KL %s -> %s: %s".formatted(domain.start(), domain.stages().lastEntry().getKey(),
                    domain.change()));
            }
        }
        table.print(out);
    }
}
