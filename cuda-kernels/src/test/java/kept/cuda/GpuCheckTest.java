package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code bin/gpu-check} and {@code mvn -Pgpu} run every contract test, and every other test that takes the device to test. */
class GpuCheckTest {
    private static final Path TESTS = Path.of("src/test/java");
    private static final Path BENCH_TESTS = Path.of("../bench/src/test/java");
    private static final Path CONTRACTS = Path.of("../core/src/test/java/kept/backend");
    private static final Pattern CLASSES = Pattern.compile("--include-classname='([^']+)'");
    private static final Pattern TAKES_A_DEVICE = Pattern.compile("testDevice\\(\\)|\"kept\\.test\\.device\"");
    private static final Pattern INCLUDE = Pattern.compile("<include>\\*\\*/([^<]+)</include>");

    private static List<Path> files(Path folder, String ending) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(ending)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The classes that gpu-check selects from the test classes of this module and of bench. */
    private static Pattern selected() {
        String script = text(Path.of("../bin/gpu-check"));
        assertThat(script).contains("kept-cuda-kernels-tests:$jars/kept-bench-tests", "--scan-class-path=\"$tests\"");
        return Pattern.compile(CLASSES.matcher(script).results().toList().getFirst().group(1));
    }

    private static String name(Path file) {
        return file.getFileName().toString().replaceFirst("\\.\\w+$", "");
    }

    /** Names of the outer test classes of this module that extend a class. */
    private static List<String> subclasses(Class<?> contract) throws URISyntaxException {
        Path classes = Path.of(GpuCheckTest.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        List<String> found = new ArrayList<>();
        for (Path file : files(classes.resolve("kept/cuda"), ".class")) {
            String name = classes.relativize(file).toString().replace('/', '.').replaceFirst("\\.class$", "");
            Class<?> type;
            try {
                type = Class.forName(name, false, GpuCheckTest.class.getClassLoader());
            } catch (ClassNotFoundException e) {
                throw new AssertionError(name, e);
            }
            if (contract.isAssignableFrom(type) && !Modifier.isAbstract(type.getModifiers())) {
                found.add(name.replaceFirst("\\$.*", ""));
            }
        }
        return found;
    }

    @Test
    void everyContractIsRunOnTheDevice() throws Exception {
        Pattern selected = selected();
        List<String> contracts = files(CONTRACTS, "Contract.java").stream().map(GpuCheckTest::name).filter(name -> !name.equals("KernelContract"))
                .toList();
        assertThat(contracts).hasSizeGreaterThan(9);
        for (String contract : contracts) {
            assertThat(subclasses(Class.forName("kept.backend." + contract))).as("tests of %s on the virtual GPU that gpu-check runs", contract)
                    .isNotEmpty().allMatch(name -> selected.matcher(name).matches());
        }
    }

    @Test
    void everyTestThatTakesADeviceIsRunOnIt() {
        Pattern selected = selected();
        List<String> included = INCLUDE.matcher(text(Path.of("pom.xml"))).results().map(include -> "glob:" + include.group(1)).toList();
        int count = 0;
        for (Path file : Stream.of(TESTS, BENCH_TESTS).flatMap(folder -> files(folder, "Test.java").stream()).toList()) {
            if (TAKES_A_DEVICE.matcher(text(file)).find()) {
                count++;
                assertThat(selected.matcher("kept.cuda." + name(file)).matches()).as("gpu-check runs %s", name(file)).isTrue();
                assertThat(file.startsWith(BENCH_TESTS) || included.stream().anyMatch(glob ->
                        FileSystems.getDefault().getPathMatcher(glob).matches(file.getFileName()))).as("mvn -Pgpu runs %s", name(file)).isTrue();
            }
        }
        assertThat(count).isGreaterThan(8);
    }
}
