package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A {@link RankProgram} that runs beside this program with the same JVM options, alone or as ranks that a launcher starts. */
final class RankProcess implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long FAREWELL_SECONDS = 60;
    /** The programs write no files, so root may run them too. */
    private static final Map<String, String> ENVIRONMENT = Map.of("OMPI_ALLOW_RUN_AS_ROOT", "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");

    private final List<String> command;
    private final Path errors;
    private final Process process;
    private final BufferedReader output;

    private RankProcess(List<String> command, Path errors, Process process) {
        this.command = command;
        this.errors = errors;
        this.process = process;
        output = process.inputReader(StandardCharsets.UTF_8);
    }

    /**
     * Starts the program.
     *
     * @param launcher the words before the program's own command; none for one process
     * @param threads threads of each process
     * @param step the step to do
     * @throws IOException if it cannot be started
     */
    static RankProcess start(List<String> launcher, int threads, RankedStep step) throws IOException {
        List<String> command = new ArrayList<>(launcher);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-D" + Threads.PROPERTY + "=" + threads, "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(RankProgram.class.getName(), step.argument()));
        Path errors = Files.createTempFile("bench-ranks-", ".txt");
        try {
            var builder = new ProcessBuilder(command).redirectError(errors.toFile());
            builder.environment().putAll(ENVIRONMENT);
            return new RankProcess(command, errors, builder.start());
        } catch (IOException e) {
            Files.delete(errors);
            throw e;
        }
    }

    /**
     * Does steps and waits for them.
     *
     * @param steps how many
     * @return what they took in rank 0
     * @throws IOException if the program has ended, with what it reported
     */
    RankProgram.Cost run(int steps) throws IOException {
        String line = null;
        try {
            process.outputWriter(StandardCharsets.UTF_8).append(steps + "\n").flush();
            line = output.readLine();
        } catch (IOException e) {
            // The reader has ended; why is said below.
        }
        if (line == null) {
            throw new IOException("%s has ended: %s".formatted(command.getFirst(), reported()));
        }
        return JSON.readValue(line, RankProgram.Cost.class);
    }

    /** The first lines of standard error but for warnings of the JVM, in one. */
    private String reported() throws IOException {
        awaitEnd();
        List<String> lines = Files.readAllLines(errors).stream().map(String::strip).filter(line -> !line.isEmpty() && !line.startsWith("WARNING"))
                .filter(line -> line.chars().anyMatch(Character::isLetterOrDigit)).limit(3).toList();
        return lines.isEmpty() ? "it reported nothing" : String.join(" ", lines);
    }

    private void awaitEnd() {
        try {
            if (!process.waitFor(FAREWELL_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the program. */
    @Override
    public void close() throws IOException {
        try {
            process.getOutputStream().close();
        } catch (IOException e) {
            // It has ended by itself.
        }
        awaitEnd();
        Files.deleteIfExists(errors);
    }

    /** Whether a program is on the PATH, or at its path if the name is one. */
    static boolean isInstalled(String name) {
        if (name.contains(File.separator)) {
            return Files.isExecutable(Path.of(name));
        }
        for (String directory : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
            if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, name))) {
                return true;
            }
        }
        return false;
    }
}
