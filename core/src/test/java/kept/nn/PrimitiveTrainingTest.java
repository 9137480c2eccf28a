package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import kept.autograd.FactoredLogits;
import kept.backend.PrimitiveDevice;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** A device that has the primitive kernels alone runs every layer and trains a model. */
class PrimitiveTrainingTest {
    private static final int VOCABULARY = 11;
    private static final int WIDTH = 16;
    private static final int HEADS = 2;
    private static final int TOKENS = 24;
    private static final int STEPS = 20;

    private Scope scope;

    @BeforeEach
    void openScope() {
        scope = Scope.open(PrimitiveDevice.get());
    }

    @AfterEach
    void closeScope() {
        scope.close();
    }

    @Nested
    class Layers extends LayersTest {}

    /** The losses of some steps on one text. */
    private static float[] train(Device device) {
        try (var _ = Scope.open(device); var rotary = new RotaryEmbedding(WIDTH / HEADS, 100, new RopeScaling.None(), 64)) {
            var model = new TinyDecoder(VOCABULARY, WIDTH, HEADS, 24);
            long[] text = LongStream.rangeClosed(0, TOKENS).map(i -> i * i % VOCABULARY).toArray();
            Tensor tokens = Tensor.of(text, 1, TOKENS + 1).slice(1, 0, TOKENS).contiguous();
            Tensor labels = Tensor.of(text, TOKENS + 1).slice(0, 1, TOKENS + 1).contiguous();
            float[] losses = new float[STEPS];
            try (var optimizer = new AdamW(model.parameters(), AdamW.Settings.DEFAULT, AdamW.Decay.MATRICES)) {
                for (int step = 0; step < STEPS; step++) {
                    try (var _ = Scope.open()) {
                        Tensor hidden = model.hidden(tokens, rotary.angles(0, TOKENS), null);
                        Tensor loss = Functional.crossEntropy(new FactoredLogits(hidden, model.head()), labels);
                        losses[step] = loss.item();
                        loss.backward();
                        optimizer.step(0.02, GradientClipping.globalNorm(model.parameters().values(), 1).scale());
                        optimizer.clearGradients();
                    }
                }
            }
            return losses;
        }
    }

    @Test
    void aModelLearnsAsItDoesOnTheCpu() {
        float[] losses = train(PrimitiveDevice.get());
        assertThat(losses[0]).isGreaterThan(2);
        assertThat(losses[STEPS - 1]).isLessThan(0.3f);
        assertThat(losses).containsExactly(train(Device.cpu()), Offset.offset(1e-3f));
    }
}
