package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The README's library example: compiled and run here, and the same text there. */
class ReadmeTest {
    private static final Path README = Path.of("..", "README.md");
    private static final Path SOURCE = Path.of("src", "test", "java", "kept", "ReadmeTest.java");

    @Test
    void theExampleFitsALine() {
        // example
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 64, 3);                      // seed 1, stream 0, shape [64, 3]
            Tensor y = x.matmul(Tensor.of(new float[] {2, -1, 0.5f}, 3, 1));
            Tensor w = Tensor.zeros(3, 1).requireGradient();
            for (int step = 0; step < 200; step++) {
                x.matmul(w).sub(y).square().mean().backward();
                w.assign(w.detach().sub(w.gradient().mul(0.1)));
                w.zeroGradient();
            }
            System.out.println(w);                                      // close to 2, -1, 0.5
            // end
            assertThat(w.toFloatArray()).usingComparatorWithPrecision(1e-3f).containsExactly(2, -1, 0.5f);
        }
    }

    @Test
    void theReadmeShowsThisVeryExample() throws IOException {
        String source = Files.readString(SOURCE);
        String example = source.substring(source.indexOf("// example\n") + 11, source.indexOf("\n            // end")).stripIndent();
        assertThat(Files.readString(README)).contains("```java\n" + example + "\n}\n```");
    }
}
