package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** What texts have in common is read once, and that changes no hidden state. */
class CachedReadingTest {
    @Test
    void hiddenStatesAreThoseOfTheWholeText() {
        Path directory = GoldenScores.path("model");
        int[][] texts = {ids(1, 50), ids(1, 50), ids(1, 60), ids(1, 20), join(ids(1, 30), ids(200, 33)), ids(300, 41), ids(1, 3), ids(1, 45)};
        int[] firsts = {0, 49, 41, 19, 10, 40, 2, 0};
        try (var checkpoint = Checkpoint.open(directory);
                Decoder model = Decoder.create(DecoderConfig.read(directory), new CheckpointWeights(checkpoint), Device.cpu());
                var reading = new CachedReading(model, 64)) {
            for (int i = 0; i < texts.length; i++) {
                int[] text = texts[i];
                int first = firsts[i];
                Autograd.withoutRecording(() -> {
                    try (var _ = Scope.open()) {
                        Tensor actual = reading.read(text, first);
                        Tensor expected = model.hidden(Tensor.of(text, 1, text.length)).squeeze(0).slice(0, first, text.length);
                        assertThat(actual.shape()).isEqualTo(expected.shape());
                        assertThat(actual.toFloatArray()).containsExactly(expected.contiguous().toFloatArray(), within(2e-4f));
                    }
                    return null;
                });
            }
        }
    }

    private static int[] ids(int from, int count) {
        var ids = new int[count];
        Arrays.setAll(ids, i -> from + i * 7 % 100);
        return ids;
    }

    private static int[] join(int[] a, int[] b) {
        int[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }
}
