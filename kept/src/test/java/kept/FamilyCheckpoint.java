package kept;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import kept.model.DecoderConfig;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;

/**
 * A small checkpoint that transformers wrote, with what transformers computes from it; {@code families/README.md} says what each is.
 *
 * @param directory the checkpoint's
 * @param golden its golden values
 */
public record FamilyCheckpoint(Path directory, SafetensorsFile golden) implements AutoCloseable {
    /** Those that are read: without clipping, with blocks that follow one another and without norms of queries and keys. */
    public static final List<String> READABLE = List.of("olmo", "olmo-tied", "olmo-biases", "olmo-linear", "starcoder2", "starcoder2-untied",
            "starcoder2-no-biases", "starcoder2-window", "stablelm", "stablelm-biases", "stablelm-tied", "nemotron", "nemotron-biases",
            "nemotron-tied", "nemotron-heads");

    /** Opens a checkpoint's golden values. */
    public static FamilyCheckpoint open(String name) {
        Path directory = resource(name);
        return new FamilyCheckpoint(directory, SafetensorsFile.open(directory.resolve("golden.safetensors")));
    }

    /** The path of a file or folder in {@code families}. */
    public static Path resource(String name) {
        try {
            // A folder is no resource of a module, so the way there is by a file.
            return Path.of(FamilyCheckpoint.class.getResource("/families/README.md").toURI()).resolveSibling(name);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A golden tensor on the CPU, owned by the current scope. */
    public Tensor tensor(String name) {
        TensorEntry entry = golden.entry(name);
        return Tensor.from(golden.data(name), entry.exactType(), entry.shape());
    }

    /** The ids of golden texts, cut to the longest text of the model, {@code [2, length]}. */
    public Tensor ids(DecoderConfig config) {
        Tensor ids = tensor("input_ids");
        return ids.slice(1, 0, Math.min(ids.size(1), config.maxPositions())).contiguous();
    }

    /** The golden logits of {@link #ids}, {@code [2, length, vocabulary]}. */
    public Tensor logits(DecoderConfig config) {
        return tensor("logits").slice(1, 0, ids(config).size(1)).contiguous();
    }

    /** The largest difference from golden values of the same number. */
    public static double difference(float[] actual, double[] expected) {
        if (actual.length != expected.length) {
            throw new IllegalArgumentException("%d values, not %d".formatted(actual.length, expected.length));
        }
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = Math.abs(actual[i] - expected[i]);
            worst = difference <= worst ? worst : difference;
        }
        return worst;
    }

    /** {@code KL(expected || actual)} of rows of logits, in nats per row. */
    public static double divergence(double[] expected, float[] actual, int vocabulary) {
        double sum = 0;
        for (int start = 0; start < expected.length; start += vocabulary) {
            double[] row = Arrays.copyOfRange(expected, start, start + vocabulary);
            double[] other = new double[vocabulary];
            for (int i = 0; i < vocabulary; i++) {
                other[i] = actual[start + i];
            }
            double p = logSum(row);
            double q = logSum(other);
            for (int i = 0; i < vocabulary; i++) {
                sum += Math.exp(row[i] - p) * (row[i] - p - other[i] + q);
            }
        }
        return sum / (expected.length / vocabulary);
    }

    private static double logSum(double[] logits) {
        double largest = Arrays.stream(logits).max().orElseThrow();
        return largest + Math.log(Arrays.stream(logits).map(value -> Math.exp(value - largest)).sum());
    }

    @Override
    public void close() {
        golden.close();
    }
}
