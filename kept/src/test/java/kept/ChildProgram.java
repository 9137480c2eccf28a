package kept;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A program in a process of its own, which can be killed. */
final class ChildProgram implements AutoCloseable {
    private static final List<String> NATIVE_ACCESS =
            List.of("--enable-native-access=ALL-UNNAMED,kept,kept.core,kept.cuda,ai.djl.sentencepiece,ai.djl.tokenizers,"
                    + "com.github.luben.zstd_jni,dev.hardwood.core");

    private final Process process;
    private final Path errors;

    private ChildProgram(Process process, Path errors) {
        this.process = process;
        this.errors = errors;
    }

    /**
     * Starts {@code kept <command>} on the module path.
     *
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram start(Path errors, Object... arguments) {
        return start(errors, ProcessBuilder.Redirect.DISCARD, Map.of(), List.of(), arguments);
    }

    /**
     * Starts {@code kept <command>} with both compilers of the Java runtime, for many seconds of vectors: the first compiler allocates each of them.
     *
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startLong(Path errors, Object... arguments) {
        return startWith("-XX:TieredStopAtLevel=4", errors, arguments);
    }

    /**
     * Starts {@code kept <command>} with an option of the Java runtime.
     *
     * @param option the option
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startWith(String option, Path errors, Object... arguments) {
        return start(errors, ProcessBuilder.Redirect.DISCARD, Map.of(), List.of(option), arguments);
    }

    /**
     * Starts {@code kept <command>} as on a machine whose GPU, if it has one, is not to be seen.
     *
     * @param output the file its results go to
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startWithoutGpu(Path output, Path errors, Object... arguments) {
        return start(errors, ProcessBuilder.Redirect.to(output.toFile()), Map.of("CUDA_VISIBLE_DEVICES", ""),
                NATIVE_ACCESS, arguments);
    }

    /**
     * Starts {@code kept <command>} into a pipe that nobody reads any more.
     *
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startIntoClosedPipe(Path errors, Object... arguments) {
        ChildProgram program = start(errors, ProcessBuilder.Redirect.PIPE, Map.of(), NATIVE_ACCESS, arguments);
        try {
            program.process.getInputStream().close();
            return program;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Starts {@code kept <command>} with its results going to a file.
     *
     * @param output the file, or a device
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startInto(Path output, Path errors, Object... arguments) {
        return start(errors, ProcessBuilder.Redirect.to(output.toFile()), Map.of(), NATIVE_ACCESS, arguments);
    }

    /**
     * Starts {@code kept <command>} with variables of the environment.
     *
     * @param environment the variables
     * @param output the file its results go to
     * @param errors the file that receives its standard error
     * @param arguments anything with a text, such as paths
     */
    static ChildProgram startIn(Map<String, String> environment, Path output, Path errors, Object... arguments) {
        return start(errors, ProcessBuilder.Redirect.to(output.toFile()), environment, NATIVE_ACCESS, arguments);
    }

    private static ChildProgram start(Path errors, ProcessBuilder.Redirect output, Map<String, String> environment, List<String> options,
            Object... arguments) {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> command = Stream.of(
                // Runs of a few seconds are mostly start-up, which the first compiler alone makes shorter.
                Stream.of(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dkept.threads=1"), optionsOfTests(), options.stream(),
                Stream.of("--module-path", System.getProperty("jdk.module.path"), "--class-path", System.getProperty("java.class.path"),
                        "--module", "kept/kept.Main"),
                Stream.of(arguments)).flatMap(part -> part).map(Object::toString).toList();
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile()).redirectOutput(output);
            builder.environment().putAll(environment);
            return new ChildProgram(builder.start(), errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the property {@code test.jvm} adds to the options of every JVM of the tests: a width of vectors, say, on which bits depend. */
    static Stream<String> optionsOfTests() {
        return Stream.of(System.getProperty("test.jvm", "").split("\\s+")).filter(option -> !option.isEmpty());
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Asks it to end, as {@code kill} does. */
    void terminate() {
        process.destroy();
    }

    /** Ends it at once, as {@code kill -9} does; true if it was alive until then. */
    boolean kill() {
        process.destroyForcibly();
        return join() == 128 + 9;
    }

    /** Waits for its end and tells the exit code. */
    int join() {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** What it wrote to standard error. */
    String notes() {
        try {
            return Files.readString(errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        join();
    }
}
