package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.backend.AdamWStep;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Detached scopes that another thread closes while operations use their tensors. What runs finishes in memory that is still its own; what comes after
 * is a {@link ScopeException}.
 */
class ClosedMeanwhileTest {
    private static final int ROUNDS = 25;
    private static final int SIDE = 512;

    /**
     * Something to do with a square of ones.
     *
     * @param name what it is
     * @param use throws an error where a result is wrong
     */
    private record Use(String name, Consumer<Tensor> use) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static void allAre(float value, Tensor result) {
        for (float element : result.toFloatArray()) {
            if (element != value) {
                throw new AssertionError("%s instead of %s".formatted(element, value));
            }
        }
    }

    private static Stream<Use> uses() {
        AdamWStep step = new AdamWStep(1, 0.1, 0.9, 0.999, 1e-8, 0, 1);
        return Stream.of(
                new Use("elementwise", x -> allAre(3, x.add(2))),
                new Use("a strided operand", x -> allAre(2, x.transpose(0, 1).mul(2))),
                new Use("a copy in another type", x -> allAre(1, x.cast(DType.BF16))),
                new Use("a product", x -> allAre(64, x.slice(1, 0, 64).linear(x.slice(1, 0, 64)))),
                new Use("a reduction", x -> allAre(SIDE, x.sum(0))),
                new Use("rows", x -> allAre(1f / SIDE, x.softmax(-1))),
                new Use("concat", x -> allAre(1, Tensor.concat(0, x, x))),
                new Use("a gather", x -> allAre(1, x.gather(0, Tensor.full(3, DType.I32, Shape.of(1, SIDE)).expand(SIDE, SIDE)))),
                new Use("to the host", x -> allAre(1, x)),
                new Use("to the host, strided", x -> allAre(1, x.transpose(0, 1))),
                new Use("to the host, as bytes", x -> {
                    try (Arena arena = Arena.ofConfined()) {
                        x.download(arena.allocate(4L * SIDE * SIDE));
                    }
                }),
                new Use("from the host", x -> x.upload(MemorySegment.ofArray(new float[SIDE * SIDE]))),
                new Use("fill", x -> x.fill(5)),
                new Use("assign", x -> x.assign(Tensor.full(5, DType.BF16, x.shape()))),
                new Use("assign to itself, shifted", x -> x.slice(0, 1, SIDE).assign(x.slice(0, 0, SIDE - 1))),
                new Use("an optimizer step", x -> x.backend().adamW(step, x, Tensor.ones(SIDE, SIDE), Tensor.zeros(SIDE, SIDE),
                        Tensor.zeros(SIDE, SIDE))),
                new Use("the norm of gradients", x -> x.backend().sumOfSquares(List.of(x, Tensor.ones(4)))),
                new Use("backward", x -> {
                    Tensor leaf = Tensor.ones(SIDE, SIDE).requireGradient();
                    Autograd.backwardOnce(leaf.mul(x).sum(), null);
                    allAre(1, leaf.gradient());
                }),
                new Use("a gradient", x -> x.detach().requireGradient().mul(3).sum().backward()),
                new Use("printing", x -> assertThat(x.toString()).isNotEmpty()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("uses")
    void whatRunsFinishesAndWhatFollowsIsAnError(Use use) throws InterruptedException {
        long before = Device.cpu().memoryUsage().inUse();
        for (int round = 0; round < ROUNDS; round++) {
            Scope shared = Scope.detached(Device.cpu());
            Tensor x = shared.run(() -> Tensor.ones(SIDE, SIDE));
            var started = new CountDownLatch(1);
            var failure = new AtomicReference<Throwable>();
            Thread user = Thread.ofPlatform().start(() -> {
                try {
                    for (;;) {
                        try (var _ = Scope.open()) {
                            started.countDown();
                            use.use.accept(x);
                        }
                    }
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            started.await();
            for (int i = 0; i < round * 2000; i++) {
                Thread.onSpinWait();
            }
            shared.close();
            try (var _ = Scope.open()) {
                // What is free goes to whoever wants it next, or back to the system.
                Tensor fresh = Tensor.full(7, DType.F32, Shape.of(SIDE, SIDE));
                Device.cpu().backend().trim();
                user.join();
                allAre(7, fresh);
            }
            assertThat(failure.get()).isInstanceOf(ScopeException.class)
                    .hasMessageMatching(".*(used after its scope closed|this scope is closed).*");
        }
        assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(before);
    }
}
