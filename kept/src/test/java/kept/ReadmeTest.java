package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.autograd.GradientChecks;
import kept.nn.Init;
import kept.nn.Layer;
import kept.nn.Linear;
import kept.optim.AdamW;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The examples of README and docs/library.md that need tensors and layers only: compiled and run here, and the same text there. */
class ReadmeTest {
    private static final Path README = Path.of("..", "README.md");
    private static final Path LIBRARY = Path.of("..", "docs", "library.md");
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

    // layer
    /** A perceptron with one hidden layer. */
    static final class Perceptron extends Layer {
        private final Linear hidden = register("hidden", linear(16, 2, 0));
        private final Linear output = register("output", linear(1, 16, 1));

        private static Linear linear(long out, long in, int stream) {
            Tensor weight = Init.xavierUniform(Tensor.zeros(out, in), 1, 7, stream);    // seed 7
            return new Linear(weight.requireGradient(), Tensor.zeros(out).requireGradient());
        }

        Tensor forward(Tensor x) {
            return output.forward(hidden.forward(x).tanh());
        }
    }

    // end of layer

    @Test
    void aPerceptronLearnsExclusiveOr() {
        // training
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {0, 0, 0, 1, 1, 0, 1, 1}, 4, 2);
            Tensor y = Tensor.of(new float[] {0, 1, 1, 0}, 4, 1);
            var model = new Perceptron();
            try (var optimizer = new AdamW(model.parameters(), AdamW.Settings.DEFAULT, AdamW.Decay.MATRICES)) {
                for (int step = 0; step < 300; step++) {
                    try (var _ = Scope.open()) {                            // frees the tensors of the step
                        model.forward(x).sub(y).square().mean().backward();
                        optimizer.step(0.02, 1);                            // learning rate, scale of the gradients
                        optimizer.clearGradients();
                    }
                }
            }
            System.out.println(model.forward(x));                           // close to 0, 1, 1, 0
            // end of training
            assertThat(model.forward(x).toFloatArray()).usingComparatorWithPrecision(0.05f).containsExactly(0, 1, 1, 0);
        }
    }

    @Test
    void elementTypes() throws IOException {
        try (var _ = Scope.open()) {
            // types
            Tensor x = Tensor.of(new double[] {1, 2, 3}).requireGradient();     // F64, on the CPU
            x.exp().sum().backward();
            double[] gradient = x.gradient().toDoubleArray();                   // F64 too
            GradientChecks.check(t -> t[0].exp(), x).throwIfWrong();            // to nine digits
            Tensor bytes = Tensor.of(new byte[] {1, -1}).add(1);                // U8: 1 and 255, which wraps around: 2 and 0
            Tensor mask = bytes.gt(0);                                          // BOOL: true and false
            Tensor chosen = Tensor.where(mask, bytes, Tensor.of(new byte[] {7}));
            // end of types
            assertThat(gradient).containsExactly(Math.exp(1), Math.exp(2), Math.exp(3));
            assertThat(chosen.toLongArray()).containsExactly(2, 7);
        }
        String source = Files.readString(SOURCE);
        String types = source.substring(source.indexOf("// types\n") + 9, source.indexOf("\n            // end of types")).stripIndent();
        assertThat(Files.readString(LIBRARY)).contains("```java\n" + types + "\n```");
    }

    @Test
    void theLibraryPageShowsThisVeryLayerAndItsTraining() throws IOException {
        String source = Files.readString(SOURCE);
        String page = Files.readString(LIBRARY);
        String layer = source.substring(source.indexOf("// layer\n") + 9, source.indexOf("\n\n    // end of layer")).stripIndent();
        String training = source.substring(source.indexOf("// training\n") + 12, source.indexOf("\n            // end of training")).stripIndent();
        assertThat(page).contains("```java\n" + layer + "\n```", "```java\n" + training + "\n}\n```");
    }

    @Test
    void theReadmeShowsThisVeryExample() throws IOException {
        String source = Files.readString(SOURCE);
        String example = source.substring(source.indexOf("// example\n") + 11, source.indexOf("\n            // end")).stripIndent();
        assertThat(Files.readString(README)).contains("```java\n" + example + "\n}\n```");
    }
}
