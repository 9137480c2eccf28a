package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** JCuda's native part is not among the tests' libraries, so there is no peer here, with or without a GPU. */
class NativeCallRaceTest {
    @Test
    void aPeerThatCannotBeOpenedSaysWhyInOneLine() {
        assertThatThrownBy(() -> JcudaCalls.open(64)).isInstanceOf(IllegalStateException.class)
                .message().contains("libJCudaDriver").doesNotContain("\n");
    }

    @Test
    void aSideThatIsMissingIsToldAndLeftOut() {
        var bytes = new ByteArrayOutputStream();
        new NativeCallRace(true, Pattern.compile(""), new PrintStream(bytes, true, StandardCharsets.UTF_8)).run();
        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).filteredOn(line -> line.startsWith("no calls by JCuda: ")).hasSize(1);
        assertThat(lines).allMatch(line -> line.startsWith("no calls by ") || line.contains("JCuda (JNI)      NaN us"));
    }

    @Test
    void rowsThatAreNotAskedForOpenNothing() {
        var bytes = new ByteArrayOutputStream();
        new NativeCallRace(true, Pattern.compile("^copy"), new PrintStream(bytes, true, StandardCharsets.UTF_8)).run();
        assertThat(bytes.size()).isZero();
    }
}
