package kept.recording;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.backend.Backend;
import kept.corpus.Seeds;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Takes from a teacher's distributions what is recorded. Logits are computed for a chunk of rows at a time, exponentiated on the device, and chosen
 * from on the host. What is drawn for a row depends on the seed and the row's number alone.
 */
public final class LogitRecorder {
    /** Added to a logarithm, it leaves a probability of 0. */
    private static final float REMOVED = -1e30f;

    private final RecordedForm form;
    private final double temperature;
    private final long seed;

    /**
     * A recorder.
     *
     * @param form what is kept
     * @param temperature logits are divided by it first
     * @param seed determines the samples
     */
    public LogitRecorder(RecordedForm form, double temperature, long seed) {
        this.form = form;
        this.temperature = temperature;
        this.seed = seed;
    }

    /**
     * Takes what is kept of some rows. Gradients are not recorded.
     *
     * @param logits the teacher's
     * @param firstRow the number of the first row in the whole recording
     * @return as many rows
     * @throws RecordingException if logits are not finite
     */
    TokenRows rows(FactoredLogits logits, long firstRow) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(logits.hidden().device())) {
                long rows = logits.rowCount();
                Tensor hidden = logits.hidden().reshape(rows, logits.hidden().size(-1));
                TokenRows all = TokenRows.empty(0, 1);
                long chunk = logits.defaultChunkRows();
                for (long from = 0; from < rows; from += chunk) {
                    try (var _ = Scope.open(hidden.device())) {
                        Tensor some = hidden.slice(0, from, Math.min(rows, from + chunk));
                        all = all.and(chunk(some, logits.head(), firstRow + from));
                    }
                }
                return all;
            }
        });
    }

    private TokenRows chunk(Tensor hidden, Tensor head, long firstRow) {
        Tensor logarithms = Tensor.empty(DType.F32, Shape.of(hidden.size(0), head.size(0)));
        Backend backend = logarithms.backend();
        backend.matmul(hidden, head.transpose(0, 1), logarithms, false);
        if (temperature != 1) {
            logarithms = logarithms.div(temperature);
        }
        backend.softmax(true, logarithms, logarithms);
        return form.kind() == RecordedForm.Kind.TOP_K ? mostLikely(logarithms, firstRow) : samples(logarithms, firstRow);
    }

    private TokenRows mostLikely(Tensor logarithms, long firstRow) {
        int rows = Math.toIntExact(logarithms.size(0));
        int vocabulary = Math.toIntExact(logarithms.size(1));
        int k = Math.min(form.count(), vocabulary);
        TokenRows found = TokenRows.empty(rows, k);
        float[] values = logarithms.toFloatArray();
        IntStream.range(0, rows).parallel().forEach(row -> {
            requireFinite(values, row * vocabulary, vocabulary, firstRow + row);
            int[] best = new Largest(values, row * vocabulary, k).of(vocabulary);
            for (int i = 0; i < k; i++) {
                found.tokens()[row * k + i] = best[i];
                found.probabilities()[row * k + i] = (float) StrictMath.exp(values[row * vocabulary + best[i]]);
            }
        });
        // The sum over the others, not 1 less the sum over these, of which little would be left.
        Tensor tokens = Tensor.of(found.tokens(), rows, k);
        logarithms.backend().scatterAdd(Tensor.full(REMOVED, DType.F32, tokens.shape()), 1, tokens, logarithms);
        System.arraycopy(logarithms.logSumExp(-1).exp().toFloatArray(), 0, found.rest(), 0, rows);
        return found;
    }

    private TokenRows samples(Tensor logarithms, long firstRow) {
        int rows = Math.toIntExact(logarithms.size(0));
        int vocabulary = Math.toIntExact(logarithms.size(1));
        Tensor probabilities = logarithms.exp();
        Tensor terms = Tensor.where(probabilities.eq(0), Tensor.scalar(0, DType.F32), probabilities.mul(logarithms));
        float[] entropies = terms.sum(-1).neg().toFloatArray();
        float[] values = probabilities.toFloatArray();
        int[][] counts = new int[rows][];
        int[][] tokens = new int[rows][];
        IntStream.range(0, rows).parallel().forEach(row -> {
            requireFinite(values, row * vocabulary, vocabulary, firstRow + row);
            int[] drawn = draw(values, row * vocabulary, vocabulary, firstRow + row);
            tokens[row] = Arrays.stream(drawn).distinct().toArray();
            counts[row] = new int[tokens[row].length];
            int place = -1;
            for (int i = 0; i < drawn.length; i++) {
                place += i == 0 || drawn[i] != drawn[i - 1] ? 1 : 0;
                counts[row][place]++;
            }
        });
        int width = Arrays.stream(tokens).mapToInt(row -> row.length).max().orElse(1);
        TokenRows found = TokenRows.empty(rows, width);
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < tokens[row].length; i++) {
                found.tokens()[row * width + i] = tokens[row][i];
                found.probabilities()[row * width + i] = counts[row][i] / (float) form.count();
            }
        }
        System.arraycopy(entropies, 0, found.entropies(), 0, rows);
        return found;
    }

    /** Draws tokens from probabilities, in ascending order. */
    private int[] draw(float[] values, int from, int vocabulary, long row) {
        double total = 0;
        int last = 0;
        for (int token = 0; token < vocabulary; token++) {
            total += values[from + token];
            last = values[from + token] > 0 ? token : last;
        }
        var random = new SplittableRandom(Seeds.of(seed, row));
        double[] at = new double[form.count()];
        for (int i = 0; i < at.length; i++) {
            at[i] = random.nextDouble() * total;
        }
        Arrays.sort(at);
        int[] drawn = new int[at.length];
        double sum = 0;
        int next = 0;
        for (int token = 0; token <= last && next < at.length; token++) {
            sum += values[from + token];
            while (next < at.length && (at[next] < sum || token == last)) {
                drawn[next++] = token;
            }
        }
        return drawn;
    }

    private static void requireFinite(float[] values, int from, int count, long row) {
        for (int i = from; i < from + count; i++) {
            if (Float.isNaN(values[i])) {
                throw new RecordingException("[record] the teacher's logits of token %,d are not finite".formatted(row));
            }
        }
    }

    /** Finds the largest of some values by a heap whose root is the least of them; of equal values the first counts as larger. */
    private static final class Largest {
        private final float[] values;
        private final int offset;
        private final int[] heap;
        private int size;

        Largest(float[] values, int offset, int count) {
            this.values = values;
            this.offset = offset;
            heap = new int[count];
        }

        /** The indexes in descending order of their values. */
        int[] of(int count) {
            for (int i = 0; i < count; i++) {
                if (size < heap.length) {
                    heap[size++] = i;
                    if (size == heap.length) {
                        for (int parent = size / 2 - 1; parent >= 0; parent--) {
                            sink(parent, size);
                        }
                    }
                } else if (values[offset + i] > values[offset + heap[0]]) {
                    heap[0] = i;
                    sink(0, size);
                }
            }
            for (int end = size - 1; end > 0; end--) {
                swap(0, end);
                sink(0, end);
            }
            return heap;
        }

        private void sink(int start, int end) {
            int parent = start;
            int child = 2 * parent + 1;
            while (child < end) {
                if (child + 1 < end && isLess(heap[child + 1], heap[child])) {
                    child++;
                }
                if (!isLess(heap[child], heap[parent])) {
                    return;
                }
                swap(parent, child);
                parent = child;
                child = 2 * parent + 1;
            }
        }

        private boolean isLess(int a, int b) {
            float x = values[offset + a];
            float y = values[offset + b];
            return x < y || x == y && a > b;
        }

        private void swap(int a, int b) {
            int kept = heap[a];
            heap[a] = heap[b];
            heap[b] = kept;
        }
    }
}
