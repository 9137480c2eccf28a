package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code bin/gpu-check} runs the benchmarks with few of their libraries, which {@code gpu.libraries} in the pom names; JMH is not among them. */
class GpuCheckLibrariesTest {
    @Test
    void theProgramStartsWithTheLibrariesThatAreCopied() throws Exception {
        var named = Pattern.compile("<gpu\\.libraries>(.*)</gpu\\.libraries>").matcher(Files.readString(Path.of("pom.xml")));
        assertThat(named.find()).isTrue();
        List<String> libraries = List.of(named.group(1).split(","));
        String classPath = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> isCopied(Path.of(entry), libraries)).collect(Collectors.joining(File.pathSeparator));
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules",
                "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", classPath, Main.class.getName(), "gpu", "--check", "--device",
                "virtual").redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        assertThat(output).contains("virtual GPU");
    }

    /** This project's classes and jars, and the named libraries. */
    private static boolean isCopied(Path entry, List<String> libraries) {
        String name = entry.getFileName().toString();
        return !name.endsWith(".jar") || name.startsWith("kept-") || libraries.stream().anyMatch(library -> name.matches(library + "-\\d.*\\.jar"));
    }
}
