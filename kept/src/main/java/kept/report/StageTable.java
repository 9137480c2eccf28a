package kept.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;

/** The students of one teacher for a terminal: a line for each, first the untrained ones, then a line saying which is closest to the teacher. */
final class StageTable {
    private StageTable() { }

    /**
     * Prints the table.
     *
     * @param report the run; the last stage of its domains is the trained one
     * @param seconds the time each stage took
     * @param out the output; flushed, not closed
     */
    static void print(RunReport report, SequencedMap<String, Double> seconds, PrintWriter out) {
        List<String> headings = new ArrayList<>(List.of("", "seconds"));
        report.domains().forEach(domain -> headings.addAll(List.of("KL on " + domain.name(), "top-1")));
        var table = new TextTable(headings.toArray(String[]::new));
        String trained = seconds.lastEntry().getKey();
        table.line("without training");
        seconds.forEach((stage, took) -> {
            if (stage.equals(trained)) {
                table.line("with training on %s tokens".formatted(Figures.count(report.steps().getLast().tokens())));
            }
            table.row(cells(report, stage, took));
        });
        table.print(out);
        report.domains().forEach(domain -> out.println(nearest(domain)));
        out.flush();
    }

    private static String[] cells(RunReport report, String stage, double took) {
        List<String> cells = new ArrayList<>(List.of("  " + stage, Figures.significant(took)));
        for (DomainResult domain : report.domains()) {
            Fidelity fidelity = domain.stages().get(stage);
            cells.addAll(List.of(Figures.divergence(fidelity.klMean()), Figures.percentage(fidelity.top1Agreement())));
        }
        return cells.toArray(String[]::new);
    }

    private static String nearest(DomainResult domain) {
        Map.Entry<String, Fidelity> trained = domain.stages().lastEntry();
        Map.Entry<String, Fidelity> untrained = domain.stages().entrySet().stream().filter(stage -> !stage.getKey().equals(trained.getKey()))
            .min(Comparator.comparingDouble(stage -> stage.getValue().klMean())).orElseThrow();
        if (Figures.isNoise(untrained.getValue().klMean()) && !Figures.isNoise(trained.getValue().klMean())) {
            return "%s: %s, without training, cannot be distinguished from the teacher".formatted(domain.name(), untrained.getKey());
        }
        if (Figures.isNoise(untrained.getValue().klMean())) {
            return "%s: neither %s nor %s can be distinguished from the teacher".formatted(domain.name(), untrained.getKey(), trained.getKey());
        }
        if (Figures.isNoise(trained.getValue().klMean())) {
            return "%s: %s cannot be distinguished from the teacher".formatted(domain.name(), trained.getKey());
        }
        double ratio = trained.getValue().klMean() / untrained.getValue().klMean();
        return ratio >= 1
            ? "%s: KL of %s (no training) is %s times lower than of %s".formatted(
                domain.name(), untrained.getKey(), Figures.significant(ratio), trained.getKey())
            : "%s: KL of %s is %s times lower than of %s, the best without training".formatted(
                domain.name(), trained.getKey(), Figures.significant(1 / ratio), untrained.getKey());
    }
}
