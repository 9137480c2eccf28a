package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What bin/kept and bin/bench share, in a shell of its own. */
class LauncherTest {
    private static final String SCRIPT = "root=unused; program=test; . \"$1/bin/launch.sh\"; use_unicode; "
            + "printf '%s|%s\\n' \"${LC_ALL-}\" \"$java_options\"";

    @TempDir
    private Path directory;

    @Test
    void aLocaleThatIsNotInstalledIsNotTakenForUtf8() throws IOException, InterruptedException {
        // As locale tells it where en_US.UTF-8 is wanted and only C.UTF-8 is there.
        locale("[ \"${LC_ALL:-$LANG}\" = C.UTF-8 ] && echo UTF-8 || echo ANSI_X3.4-1968");
        assertThat(unicode(Map.of("LANG", "en_US.UTF-8"))).startsWith("C.UTF-8|").doesNotContain("-Dsun.jnu.encoding");
        assertThat(unicode(Map.of("LANG", "C"))).startsWith("C.UTF-8|");
        assertThat(unicode(Map.of("LC_ALL", "POSIX"))).startsWith("C.UTF-8|");
    }

    @Test
    void aLocaleThatIsInstalledIsLeftAsItIs() throws IOException, InterruptedException {
        locale("echo UTF-8");
        assertThat(unicode(Map.of("LANG", "de_DE.UTF-8"))).startsWith("|");
        assertThat(unicode(Map.of("LC_ALL", "de_DE.UTF-8"))).startsWith("de_DE.UTF-8|");
        locale("echo ISO-8859-1");
        assertThat(unicode(Map.of("LC_ALL", "de_DE"))).startsWith("de_DE|").doesNotContain("-Dsun.jnu.encoding");
    }

    @Test
    void anotherLocaleOfUtf8WillDoAndElseJavaIsTold() throws IOException, InterruptedException {
        locale("case \"$*\" in -a) echo C; echo ja_JP.utf8 ;; *) [ \"${LC_ALL:-$LANG}\" = ja_JP.utf8 ] && echo UTF-8 || echo ANSI_X3.4-1968 ;; esac");
        assertThat(unicode(Map.of("LANG", "en_US.UTF-8"))).startsWith("ja_JP.utf8|");
        locale("case \"$*\" in -a) echo C ;; *) echo ANSI_X3.4-1968 ;; esac");
        assertThat(unicode(Map.of("LC_ALL", "en_US.UTF-8"))).startsWith("en_US.UTF-8|")
                .contains("-Dsun.jnu.encoding=UTF-8", "-Dstdout.encoding=UTF-8");
    }

    /** What a benchmark measures holds for a program. That kept info ends early is known to bin/kept alone. */
    @Test
    void programsAndBenchmarksStartJavaWithTheOptionsOfOnePlace() throws IOException, InterruptedException {
        assertThat(unicode(Map.of("LC_ALL", "C.UTF-8"))).contains("-XX:+UseParallelGC", "-Xmn");
        for (String script : List.of("kept", "bench")) {
            List<String> lines = Files.readAllLines(Path.of("..", "bin", script)).stream().filter(line -> !line.startsWith("#")).toList();
            assertThat(lines).as(script).anyMatch(line -> line.contains("launch.sh"))
                    .anyMatch(line -> line.matches("exec .*/bin/java\" \\$java_options .*"))
                    .filteredOn(line -> line.matches(".*[\"' ]-X.*"))
                    .allMatch(line -> line.contains("-XX:SharedArchiveFile=") || line.contains("-XX:TieredStopAtLevel=1"));
        }
    }

    @Test
    void whatTheJvmHasToSayGoesToStandardError() throws IOException, InterruptedException {
        String options = unicode(Map.of("LC_ALL", "C.UTF-8")).split("\\|", 2)[1];
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        // A nursery larger than the heap makes the JVM complain.
        Path archive = Files.writeString(directory.resolve("classes.jsa"), "no archive of classes");
        String command = "\"$1\" %s -Xmx48m -XX:SharedArchiveFile='%s' --version".formatted(options, archive);
        int code = new ProcessBuilder("sh", "-c", command, "sh", Path.of(System.getProperty("java.home"), "bin", "java").toString())
                .redirectOutput(out.toFile()).redirectError(err.toFile()).start().waitFor();
        assertThat(code).isZero();
        assertThat(Files.readString(out)).isNotEmpty().doesNotContainIgnoringCase("warning");
        assertThat(Files.readString(err)).containsIgnoringCase("warning").doesNotContain("[cds]", "[aot]");
    }

    private void locale(String body) throws IOException {
        Path bin = Files.createDirectories(directory.resolve("bin"));
        Path locale = Files.writeString(bin.resolve("locale"), "#!/bin/sh\n" + body + "\n");
        assertThat(locale.toFile().setExecutable(true)).isTrue();
    }

    private String unicode(Map<String, String> locale) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder("sh", "-c", SCRIPT, "sh", Path.of("..").toRealPath().toString());
        builder.environment().keySet().removeIf(name -> List.of("LC_ALL", "LC_CTYPE", "LANG").contains(name));
        builder.environment().putAll(locale);
        builder.environment().merge("PATH", directory.resolve("bin").toString(), (path, bin) -> bin + ":" + path);
        Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        return told.strip();
    }
}
