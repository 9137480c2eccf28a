package kept.backend.cpu;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.tensor.Tensor;

/**
 * What a program of these tests did in a JVM of its own, on the class path.
 *
 * @param status its exit status
 * @param output what it wrote to standard output
 * @param errors what it wrote to standard error
 */
public record ChildJvm(int status, String output, String errors) {
    /**
     * Runs a program to its end.
     *
     * @param directory where its output may be written to for a while
     * @param main the program
     * @param options those of the JVM, besides those of the property {@code test.jvm}
     * @return what it did
     * @throws IOException if it cannot be started
     * @throws InterruptedException if this thread is interrupted meanwhile
     */
    public static ChildJvm run(Path directory, Class<?> main, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        // Those of the tests' own JVM too, which may say how wide vectors are.
        String ofTests = System.getProperty("test.jvm", "").strip();
        command.addAll(ofTests.isEmpty() ? List.of() : List.of(ofTests.split("\\s+")));
        command.addAll(List.of(options));
        String classPath = Stream.of(Tensor.class, main).map(ChildJvm::root).collect(Collectors.joining(System.getProperty("path.separator")));
        command.addAll(List.of("-cp", classPath, main.getName()));
        Path output = directory.resolve("output");
        Path errors = directory.resolve("errors");
        int status = new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(errors.toFile()).start().waitFor();
        return new ChildJvm(status, Files.readString(output).strip(), Files.readString(errors).strip());
    }

    /** The directory or jar a class was loaded from, which the tests that a module is patched with have of their own. */
    private static String root(Class<?> type) {
        String name = type.getName().replace('.', '/') + ".class";
        String url = type.getResource("/" + name).toString();
        String root = url.substring(0, url.length() - name.length());
        return Path.of(URI.create(root.startsWith("jar:") ? root.substring("jar:".length(), root.length() - "!/".length()) : root)).toString();
    }
}
