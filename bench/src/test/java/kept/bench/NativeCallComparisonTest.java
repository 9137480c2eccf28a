package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** JCuda's native library is not on the class path of the tests, so JCuda cannot be opened here, with or without a GPU. */
class NativeCallComparisonTest {
    @Test
    void jcudaWithoutItsNativeLibraryFailsWithOneLine() {
        assertThatThrownBy(() -> JcudaCalls.open(64)).isInstanceOf(IllegalStateException.class)
                .message().contains("libJCudaDriver").doesNotContain("\n");
    }

    @Test
    void aSideThatCannotBeOpenedIsNamedAndLeftOut() {
        var bytes = new ByteArrayOutputStream();
        new NativeCallComparison(true, Pattern.compile(""), new PrintStream(bytes, true, StandardCharsets.UTF_8)).run();
        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).filteredOn(line -> line.startsWith("JCuda is left out: ")).hasSize(1);
        assertThat(lines).allMatch(line -> line.contains(" is left out: ") || line.contains("JCuda (JNI)      NaN us"));
    }

    @Test
    void rowsThatAreNotSelectedOpenNothing() {
        var bytes = new ByteArrayOutputStream();
        new NativeCallComparison(true, Pattern.compile("^copy"), new PrintStream(bytes, true, StandardCharsets.UTF_8)).run();
        assertThat(bytes.size()).isZero();
    }
}
