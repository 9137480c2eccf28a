package kept.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.PairedDifference;
import kept.evaluation.PassKeyTrials;
import kept.evaluation.Share;
import kept.evaluation.TaskScores;
import kept.evaluation.TaskScores.Measure;

/** Reports the scores of multiple-choice questions and pass keys, as tables for a terminal and as JSON. */
public final class EvaluationReport {
    private EvaluationReport() { }

    /**
     * Prints a line for each model on each task: accuracy, standard error and 95 % interval by both measures; for two models also their difference.
     *
     * @param results the tasks
     * @param groups whether to print a line for each group as well
     * @param out the output; flushed, not closed
     */
    public static void printTasks(List<TaskResult> results, boolean groups, PrintWriter out) {
        var table = new TextTable("", "n", "acc", "se", "95 % interval", "acc_norm", "se", "95 % interval");
        for (TaskResult result : results) {
            table.line(result.name());
            result.models().forEach((model, scores) -> {
                addShares(table, "  " + model, scores.share(Measure.ACC), scores.share(Measure.ACC_NORM));
                if (groups && scores.hasGroups()) {
                    SequencedMap<String, Share> normed = scores.byGroup(Measure.ACC_NORM);
                    scores.byGroup(Measure.ACC).forEach((group, share) -> addShares(table, "    " + group, share, normed.get(group)));
                }
            });
            if (result.compares()) {
                addDifference(table, result);
            }
        }
        table.print(out);
    }

    private static void addShares(TextTable table, String name, Share acc, Share norm) {
        table.row(name, Figures.count(acc.count()), share(acc.value()), share(acc.standardError()), Figures.interval(acc.interval(), "%.4f", 1),
            share(norm.value()), share(norm.standardError()), Figures.interval(norm.interval(), "%.4f", 1));
    }

    private static void addDifference(TextTable table, TaskResult result) {
        PairedDifference acc = result.difference(Measure.ACC);
        PairedDifference norm = result.difference(Measure.ACC_NORM);
        table.row("  %s - %s".formatted(result.models().lastEntry().getKey(), result.models().firstEntry().getKey()), "",
            signed(acc.value()), "", Figures.interval(acc.interval(), "%+.4f", 1),
            signed(norm.value()), "", Figures.interval(norm.interval(), "%+.4f", 1));
        for (Measure measure : Measure.values()) {
            PairedDifference difference = result.difference(measure);
            table.line("  by %s gained %,d, lost %,d (McNemar p %s)".formatted(measure.label(), difference.gained(), difference.lost(),
                Figures.significant(difference.probability())));
        }
    }

    /**
     * Prints how often each model found the pass key: a line for each length, a column for each depth.
     *
     * @param results the results by model name
     * @param out the output; flushed, not closed
     */
    public static void printPassKeys(SequencedMap<String, List<PassKeyTrials.Result>> results, PrintWriter out) {
        List<Double> depths = results.firstEntry().getValue().stream().map(PassKeyTrials.Result::depth).distinct().toList();
        List<String> headings = new ArrayList<>(List.of("pass key at depth"));
        depths.forEach(depth -> headings.add(depth(depth)));
        var table = new TextTable(headings.toArray(String[]::new));
        results.forEach((model, cells) -> {
            table.line(model);
            byLength(cells).forEach((length, row) -> {
                List<String> line = new ArrayList<>(List.of("  %,d tokens".formatted(length)));
                row.forEach(cell -> line.add("%d/%d".formatted(cell.found().correct(), cell.found().count())));
                table.row(line.toArray(String[]::new));
            });
        });
        table.print(out);
    }

    private static SequencedMap<Integer, List<PassKeyTrials.Result>> byLength(List<PassKeyTrials.Result> cells) {
        SequencedMap<Integer, List<PassKeyTrials.Result>> rows = new LinkedHashMap<>();
        cells.forEach(cell -> rows.computeIfAbsent(cell.length(), _ -> new ArrayList<>()).add(cell));
        return rows;
    }

    /**
     * Converts the tasks' scores to a JSON object: for each task the models' scores, in total and by group, and their difference.
     *
     * @param results the tasks
     * @return the scores by task name
     */
    public static Map<String, Object> tasksJson(List<TaskResult> results) {
        Map<String, Object> tasks = new LinkedHashMap<>();
        for (TaskResult result : results) {
            Map<String, Object> models = new LinkedHashMap<>();
            result.models().forEach((name, scores) -> models.put(name, scores(scores)));
            Map<String, Object> task = ReportJson.object("questions", result.models().firstEntry().getValue().task().questions().size(),
                "models", models);
            if (result.compares()) {
                task.put("difference", ReportJson.object(Measure.ACC.label(), difference(result.difference(Measure.ACC)),
                    Measure.ACC_NORM.label(), difference(result.difference(Measure.ACC_NORM))));
            }
            tasks.put(result.name(), task);
        }
        return tasks;
    }

    private static Map<String, Object> scores(TaskScores scores) {
        Map<String, Object> json = shares(scores.share(Measure.ACC), scores.share(Measure.ACC_NORM));
        json.put("shortened_contexts", scores.shortened());
        if (scores.hasGroups()) {
            Map<String, Object> groups = new LinkedHashMap<>();
            SequencedMap<String, Share> normed = scores.byGroup(Measure.ACC_NORM);
            scores.byGroup(Measure.ACC).forEach((group, share) -> groups.put(group, shares(share, normed.get(group))));
            json.put("groups", groups);
        }
        return json;
    }

    private static Map<String, Object> shares(Share acc, Share norm) {
        Map<String, Object> json = ReportJson.object("questions", acc.count());
        putShare(json, Measure.ACC, acc);
        putShare(json, Measure.ACC_NORM, norm);
        return json;
    }

    private static void putShare(Map<String, Object> json, Measure measure, Share share) {
        json.put(measure.label(), share.value());
        json.put(measure.label() + "_stderr", ReportJson.finite(share.standardError()));
        json.put(measure.label() + "_interval", ReportJson.interval(share.interval()));
    }

    private static Map<String, Object> difference(PairedDifference difference) {
        return ReportJson.object("value", difference.value(), "interval", ReportJson.interval(difference.interval()), "gained", difference.gained(),
            "lost", difference.lost(), "mcnemar_p", difference.probability());
    }

    /**
     * Converts the pass-key results to a JSON object.
     *
     * @param results the results by model name
     * @return by model name, an object for each length and depth
     */
    public static Map<String, Object> passKeysJson(SequencedMap<String, List<PassKeyTrials.Result>> results) {
        Map<String, Object> models = new LinkedHashMap<>();
        results.forEach((model, cells) -> models.put(model, cells.stream().map(cell -> ReportJson.object("length", cell.length(), "tokens",
            cell.tokens(), "depth", cell.depth(), "found", cell.found().correct(), "trials", cell.found().count())).toList()));
        return models;
    }

    private static String depth(double depth) {
        return String.format(Locale.ROOT, "%.0f %%", 100 * depth);
    }

    private static String share(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : Figures.NONE;
    }

    private static String signed(double value) {
        return String.format(Locale.ROOT, "%+.4f", value);
    }
}
