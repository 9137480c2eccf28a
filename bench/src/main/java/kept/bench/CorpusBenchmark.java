package kept.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import kept.corpus.Corpus;
import kept.corpus.Document;
import kept.corpus.DocumentReader;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Reads a corpus of 64 MB of text without tokenizing it. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CorpusBenchmark {
    private static final int BYTES = 64_000_000;
    private static final int WORDS = 200;
    private static final int VOCABULARY = 30_000;
    private static final long SPREAD = 7_919;
    private static final long MODULUS = 60_466_177;

    /** File extension: the format and its compression. */
    @Param({"jsonl", "jsonl.gz", "txt", "txt.gz"})
    public String kind;

    private Path file;

    /** For JMH. */
    public CorpusBenchmark() {}

    /**
     * Writes the file.
     *
     * @throws IOException if it cannot be written
     */
    @Setup(Level.Trial)
    public void write() throws IOException {
        file = Files.createTempFile("kept-corpus", "." + kind);
        var random = new SplittableRandom(1);
        boolean json = kind.startsWith("jsonl");
        try (OutputStream raw = Files.newOutputStream(file); OutputStream out = kind.endsWith(".gz") ? new GZIPOutputStream(raw, 1 << 16) : raw) {
            for (int written = 0; written < BYTES;) {
                var line = new StringBuilder(json ? "{\"text\": \"" : "");
                for (int word = 0; word < WORDS; word++) {
                    // Word frequencies follow Zipf's law, so that gzip compresses the text to a third, as it does prose.
                    long rank = (long) Math.pow(VOCABULARY, random.nextDouble());
                    line.append(Long.toString(rank * SPREAD % MODULUS, Character.MAX_RADIX)).append(' ');
                }
                byte[] bytes = line.append(json ? "\"}\n" : "\n").toString().getBytes(StandardCharsets.UTF_8);
                out.write(bytes);
                written += bytes.length;
            }
        }
    }

    /**
     * Deletes the file.
     *
     * @throws IOException if it cannot be deleted
     */
    @TearDown(Level.Trial)
    public void delete() throws IOException {
        Files.delete(file);
    }

    /**
     * Reads all documents.
     *
     * @return total length of the documents in UTF-16 characters
     */
    @Benchmark
    public long read() {
        long characters = 0;
        try (DocumentReader reader = Corpus.of(List.of(file), "text").open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                characters += document.text().length();
            }
        }
        return characters;
    }
}
