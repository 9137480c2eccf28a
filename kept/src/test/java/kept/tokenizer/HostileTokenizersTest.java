package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Damaged tokenizers are refused in one line or used without harm: in a process of its own, which a native library would end.
 * {@code -Dkept.thorough} tries four times as many; {@code -Dkept.fuzz.mutants=N} N of each kind, with other seeds.
 */
class HostileTokenizersTest {
    private static final int CHOSEN = Integer.getInteger("kept.fuzz.mutants", 0);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"model, 50", "json, 25", "pattern, 25"})
    @Timeout(value = 10, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void damageIsAnErrorOrHarmless(String kind, int few) throws IOException, InterruptedException {
        int count = CHOSEN > 0 ? CHOSEN : Boolean.getBoolean("kept.thorough") ? 4 * few : few;
        Path number = folder.resolve("number");
        Path output = folder.resolve("output");
        Path classes = Path.of(HostileTokenizersTest.class.getResource("tokenizer.model").getPath()).getParent().getParent().getParent();
        String path = String.join(System.getProperty("path.separator"), classes.toString(), System.getProperty("jdk.module.path", ""),
                System.getProperty("java.class.path"));
        Process child = new ProcessBuilder(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
                "-XX:-CreateCoredumpOnCrash", "-XX:ErrorFile=" + folder.resolve("crash.log"), "--enable-native-access=ALL-UNNAMED",
                "--class-path", path, FuzzedTokenizers.class.getName(), kind, Integer.toString(CHOSEN > 0 ? CHOSEN : 7), Integer.toString(count),
                number.toString())).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        try {
            int code = child.waitFor();
            String said = Files.readString(output);
            assertThat(code).as("mutant %s: %s", Files.exists(number) ? Files.readString(number) : "", said).isZero();
            int refused = Integer.parseInt(said.strip().lines().toList().getLast());
            assertThat(refused).as("some damage is seen and some does no harm").isBetween(count / 10, count - count / 20);
        } finally {
            child.destroyForcibly();
        }
    }
}
