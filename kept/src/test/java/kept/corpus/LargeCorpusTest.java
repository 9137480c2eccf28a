package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Corpora far larger than the heap of the process that reads them; {@code -Dkept.thorough} reads ten times as many documents, and characters. A
 * million documents as objects would take over a hundred megabytes.
 */
class LargeCorpusTest {
    private static final int SIZE = Boolean.getBoolean("kept.thorough") ? 10 : 1;
    private static final String HEAP = "-Xmx64m";

    @TempDir
    private Path folder;

    @Test
    void manyDocumentsTakeNoMoreMemoryThanFew() throws Exception {
        Path file = folder.resolve("many.jsonl");
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (int i = 0; i < SIZE * 1_000_000; i++) {
                out.write("{\"text\": \"" + i + "\"}\n");
            }
        }
        assertThat(read(file, Long.MAX_VALUE)).startsWith("ALL %d documents".formatted(SIZE * 1_000_000));
        assertThat(read(file, 100_000)).startsWith("DRAWN");
    }

    @Test
    void aTextMayBeLongerThanTheHeap() throws Exception {
        Path file = folder.resolve("long.md");
        String line = "One line of a text that has no end in sight.\n".repeat(1000);
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (int i = 0; i < SIZE * 2000; i++) {
                out.write(line);
            }
        }
        assertThat(read(file, 1_000_000)).startsWith("DRAWN");
        Path single = folder.resolve("single.txt");
        try (BufferedWriter out = Files.newBufferedWriter(single)) {
            for (int i = 0; i < SIZE * 2000; i++) {
                out.write(line.replace('\n', ' '));
            }
        }
        assertThat(read(single, 1_000_000)).startsWith("DRAWN");
    }

    /** What a process of its own reads. */
    private String read(Path file, long enough) throws IOException, InterruptedException {
        Path out = folder.resolve("out.txt");
        Path classes = Path.of(LargeCorpusTest.class.getProtectionDomain().getCodeSource().getLocation().getPath());
        Path tests = Path.of(LargeCorpusTest.class.getResource("text.none.parquet").getPath()).getParent().getParent().getParent();
        String path = String.join(File.pathSeparator, tests.toString(), classes.toString(), System.getProperty("jdk.module.path", ""),
                System.getProperty("java.class.path"));
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), HEAP, "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector", "-cp", path,
                Reading.class.getName(), file.toString(), Long.toString(enough)).redirectErrorStream(true).redirectOutput(out.toFile()).start();
        try {
            assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(out, StandardCharsets.UTF_8).replaceFirst("^WARNING: Using incubator modules.*\\R", "");
    }

    /** Reads a file, and prints what it has read. */
    static final class Reading {
        private Reading() {}

        /**
         * Runs in a process of its own.
         *
         * @param arguments the file, and the number of tokens that suffice
         */
        public static void main(String[] arguments) {
            var encoder = DocumentEncoder.of(new LetterTokenizer());
            Corpus corpus = Corpus.of(List.of(Path.of(arguments[0])), "text");
            try (PackedTokens tokens = PackedTokens.drawn(corpus, encoder, Long.parseLong(arguments[1]), 1000, 1)) {
                System.out.println(tokens.coverage().part() + " " + tokens.coverage().documents() + " documents");
            }
        }
    }
}
