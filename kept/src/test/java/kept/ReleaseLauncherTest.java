package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** bin/kept in an unpacked release, whose java prints its command line. */
class ReleaseLauncherTest {
    private static final Map<String, String> MACHINES = Map.of("Linux amd64", "linux-x86-64", "Linux aarch64", "linux-aarch64",
            "Mac OS X aarch64", "macos-aarch64", "Mac OS X x86_64", "macos-x86-64");

    @TempDir
    private Path directory;
    private Path release;

    @BeforeEach
    void unpack() throws IOException {
        release = directory.resolve("a release");
        Files.createDirectories(release.resolve("modules"));
        Files.createDirectories(release.resolve("bin"));
        Files.createDirectories(release.resolve("java/bin"));
        for (String script : List.of("kept", "launch.sh")) {
            Files.copy(Path.of("..", "bin", script), release.resolve("bin").resolve(script));
        }
        Files.writeString(release.resolve("java/bin/java"), "#!/bin/sh\necho \"$0\"\nprintf '%s|' \"$@\"\n");
        assertThat(release.resolve("java/bin/java").toFile().setExecutable(true)).isTrue();
        assertThat(release.resolve("bin/kept").toFile().setExecutable(true)).isTrue();
        Files.writeString(release.resolve("platform"), MACHINES.get(System.getProperty("os.name") + " " + System.getProperty("os.arch")) + "\n");
    }

    @Test
    void theReleasesOwnJavaRunsTheReleasesModules() throws IOException, InterruptedException {
        Path link = Files.createSymbolicLink(directory.resolve("linked"), release.resolve("bin/kept"));
        for (Path program : List.of(release.resolve("bin/kept"), link)) {
            assertThat(run(0, program, "info", "a model")).startsWith(release.toRealPath().resolve("java/bin/java") + "\n")
                    .endsWith("|-Dkept.command=" + program + "|--module-path|" + release.toRealPath().resolve("modules")
                            + "|--module|kept/kept.Main|info|a model|");
        }
    }

    @Test
    void aReleaseForAnotherMachineSaysSo() throws IOException, InterruptedException {
        String machine = Files.readString(release.resolve("platform")).strip();
        Files.writeString(release.resolve("platform"), "amiga-m68k\n");
        assertThat(run(1, release.resolve("bin/kept"), "info")).isEqualTo("kept: the Java of this release is for amiga-m68k, and this machine is "
                + machine + "\n  remedy: unpack the release for " + machine + ", or set KEPT_JAVA_HOME to a JDK 25 or newer\n");
    }

    private String run(int code, Path program, String... arguments) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(program.toString()).redirectErrorStream(true);
        builder.command().addAll(List.of(arguments));
        builder.environment().keySet().removeIf(name -> name.startsWith("KEPT_"));
        Process process = builder.start();
        String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(told).isEqualTo(code);
        return told;
    }
}
