package kept.report;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.SequencedMap;
import kept.io.AtomicFiles;

/** Reports a run: a table for the terminal, {@code report.json} with all numbers, and {@code report.html} for reading. */
public final class ReportWriter {
    /** File name of the numbers. */
    public static final String JSON_FILE = "report.json";

    /** File name of the page. */
    public static final String PAGE_FILE = "report.html";

    private ReportWriter() { }

    /**
     * Writes the report's files, replacing existing ones. Equal reports give equal bytes.
     *
     * @param report the run
     * @param directory an existing directory
     * @throws kept.io.FileException if a file cannot be written
     */
    public static void write(RunReport report, Path directory) {
        byte[] page = ReportPage.of(report).getBytes(StandardCharsets.UTF_8);
        AtomicFiles.writeJson(directory.resolve(JSON_FILE), ReportJson.of(report));
        AtomicFiles.write(directory.resolve(PAGE_FILE), page);
    }

    /**
     * Prints the results in aligned columns: for each domain the teacher's perplexity, and each stage's perplexity, mean and 99th percentile of
     * KL(teacher || student) in nats per token, top-1 agreement, and the change of the mean from the first stage to the last; finally a line on
     * whether training kept helping until its end.
     *
     * @param report the run
     * @param out the output; flushed, not closed
     */
    public static void print(RunReport report, PrintWriter out) {
        ReportTable.print(report.domains(), out);
        printVerdict(report, out);
    }

    /**
     * Prints students of several mappings beside the trained one, a line for each: the seconds it took to produce, and for each text its mean
     * divergence and top-1 agreement; then which is closest to the teacher, and whether training kept helping until its end.
     *
     * @param report the run; the last stage of its domains is the trained one
     * @param seconds the time each stage took, in the order of the stages
     * @param out the output; flushed, not closed
     */
    public static void print(RunReport report, SequencedMap<String, Double> seconds, PrintWriter out) {
        StageTable.print(report, seconds, out);
        printVerdict(report, out);
    }

    private static void printVerdict(RunReport report, PrintWriter out) {
        if (report.verdict() != null) {
            out.println(report.verdict());
            out.flush();
        }
    }
}
