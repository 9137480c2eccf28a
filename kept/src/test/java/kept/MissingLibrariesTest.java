package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;

/** A program that is started without the artifact kept-command-line names it in one line. */
class MissingLibrariesTest {
    private static final String REMEDY = "kept: [libraries] the programs need the artifact kept:kept-command-line (picocli, progressbar, JLine) "
            + "on the class path or module path; the artifact kept:kept alone is the library without programs\n";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @MethodSource("programs")
    void everyProgramNamesTheArtifact(String program) throws IOException, InterruptedException {
        expectRemedy("picocli|progressbar|jline-terminal|command-line", program);
    }

    static Stream<String> programs() {
        return Stream.concat(Stream.of(Main.class), Stream.of(Main.class.getAnnotation(Command.class).subcommands())).map(Class::getName);
    }

    @ParameterizedTest
    @ValueSource(strings = {"picocli", "progressbar", "jline-terminal"})
    void oneMissingLibraryIsEnough(String library) throws IOException, InterruptedException {
        expectRemedy(library, Distill.class.getName());
    }

    private void expectRemedy(String missing, String program) throws IOException, InterruptedException {
        Pattern excluded = Pattern.compile(".*(" + missing + ")[^/]*(\\.jar|/target/classes/?)");
        List<String> classPath = Stream.of(System.getProperty("java.class.path"), System.getProperty("jdk.module.path"), mainClasses())
                .filter(Objects::nonNull).flatMap(path -> Stream.of(path.split(File.pathSeparator)))
                .filter(entry -> !excluded.matcher(entry).matches()).distinct().toList();
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        int code = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xshare:auto", "-cp",
                String.join(File.pathSeparator, classPath), program, "--help")
                .redirectOutput(out.toFile()).redirectError(err.toFile()).start().waitFor();
        assertThat(Files.readString(err)).isEqualTo(REMEDY);
        assertThat(out).isEmptyFile();
        assertThat(code).isEqualTo(1);
    }

    /** Where this module's classes are, which a test on the module path sees through a patch. */
    private static String mainClasses() {
        return Path.of("target", "classes").toAbsolutePath().toString();
    }
}
