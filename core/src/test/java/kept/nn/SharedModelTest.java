package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** That threads with a scope each may compute with one model at once, as the package's documentation says, and get the bits that one thread gets. */
class SharedModelTest {
    private static final int THREADS = 4;
    private static final int ROUNDS = 60;
    private static final int WIDTH = 32;
    private static final int HEADS = 4;
    private static final int VOCABULARY = 19;

    /** Keys and values of all positions so far, put side by side. */
    private static final class Past implements KeyValues {
        private Tensor keys;
        private Tensor values;

        @Override
        public Pair extend(Tensor newKeys, Tensor newValues) {
            keys = keys == null ? newKeys : Tensor.concat(1, keys, newKeys);
            values = values == null ? newValues : Tensor.concat(1, values, newValues);
            return new Pair(keys, values);
        }
    }

    private static Tensor tokens(int length) {
        return Tensor.of(LongStream.range(0, length).map(i -> (i * i + length) % VOCABULARY).toArray(), 1, length);
    }

    /** A text's hidden states at once, those of its halves one after the other, and its loss. */
    private static List<float[]> results(TinyDecoder model, RotaryEmbedding rotary, int length) {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor tokens = tokens(length);
            var past = new Past();
            int half = length / 2;
            Tensor whole = model.hidden(tokens, rotary.angles(0, length), null);
            Tensor begin = model.hidden(tokens.slice(1, 0, half), rotary.angles(0, half, length), past);
            Tensor end = model.hidden(tokens.slice(1, half, length), rotary.angles(half, length - half, length), past);
            Tensor loss = Functional.crossEntropy(new FactoredLogits(whole, model.head()), tokens);
            assertThat(loss.requiresGradient()).isEqualTo(Autograd.isRecording());
            return List.of(whole.toFloatArray(), begin.toFloatArray(), end.toFloatArray(), loss.reshape(1).toFloatArray());
        }
    }

    private static RotaryEmbedding rotary() {
        return new RotaryEmbedding(WIDTH / HEADS, 100, new RopeScaling.None(), 512);
    }

    private static int length(int thread, int round) {
        return 3 + (thread * 7 + round * 5) % 90;
    }

    private static <T> List<T> atOnce(ExecutorService threads, List<Callable<T>> tasks) throws Exception {
        List<T> all = new ArrayList<>();
        for (Future<T> future : threads.invokeAll(tasks)) {
            all.add(future.get());
        }
        return all;
    }

    @Test
    void threadsThatShareAModelGetTheBitsOfOneThread() throws Exception {
        try (var _ = Scope.open(Device.cpu()); var alone = rotary(); ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            var model = new TinyDecoder(VOCABULARY, WIDTH, HEADS, 48);
            for (int round = 0; round < ROUNDS; round++) {
                int at = round;
                // A table of angles that several threads are the first to need, and to need longer.
                try (var shared = rotary()) {
                    var barrier = new CyclicBarrier(THREADS);
                    List<Callable<List<float[]>>> tasks = IntStream.range(0, THREADS).<Callable<List<float[]>>>mapToObj(thread -> () -> {
                        barrier.await();
                        return thread % 2 == 0
                                ? results(model, shared, length(thread, at))
                                : Autograd.withoutRecording(() -> results(model, shared, length(thread, at)));
                    }).toList();
                    List<List<float[]>> found = atOnce(threads, tasks);
                    for (int thread = 0; thread < THREADS; thread++) {
                        List<float[]> expected = results(model, alone, length(thread, round));
                        for (int i = 0; i < expected.size(); i++) {
                            assertThat(found.get(thread).get(i)).as("round %d, thread %d, result %d", round, thread, i)
                                    .containsExactly(expected.get(i));
                        }
                    }
                }
            }
        }
    }

    /** Two threads that made a table at once would lose one of the two, or the place of one in the list of what is to be freed. */
    @Test
    void aTableOfAnglesThatThreadsMakeAtOnceIsMadeOnceAndFreed() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            for (int round = 0; round < 300; round++) {
                long before = Device.cpu().memoryUsage().inUse();
                try (var shared = rotary()) {
                    var barrier = new CyclicBarrier(THREADS);
                    List<Callable<Long>> tasks = IntStream.range(0, THREADS).<Callable<Long>>mapToObj(thread -> () -> {
                        try (var _ = Scope.open(Device.cpu())) {
                            barrier.await();
                            return shared.angles(0, 400).length();
                        }
                    }).toList();
                    assertThat(atOnce(threads, tasks)).containsOnly(400L);
                    // Sines and cosines of 400 positions and 4 frequencies, in blocks of 6,656 bytes.
                    assertThat(Device.cpu().memoryUsage().inUse() - before).as("round %d", round).isEqualTo(2 * 6656);
                }
                assertThat(Device.cpu().memoryUsage().inUse()).as("round %d, closed", round).isEqualTo(before);
            }
        }
    }
}
