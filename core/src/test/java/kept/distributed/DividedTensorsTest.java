package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensors that lie divided over the ranks are used like whole ones. */
class DividedTensorsTest {
    private static final int WIDTH = 420;
    private static final Shape SHAPE = Shape.of(WIDTH, WIDTH);
    private static final int LAYERS = 4;

    /** What a rank works with. */
    private record Model(DividedTensors tensors, List<DividedTensor> layers) implements AutoCloseable {
        static Model of(Communicator ranks, int most) {
            var tensors = new DividedTensors(ranks, Device.cpu(), most);
            List<DividedTensor> layers = new ArrayList<>();
            for (int layer = 0; layer < LAYERS; layer++) {
                try (var _ = Scope.open()) {
                    layers.add(tensors.add(layer, DType.F32, SHAPE));
                    tensors.set(layers.getLast(), weight(layer));
                }
            }
            return new Model(tensors, layers);
        }

        Tensor whole(int layer) {
            return layers.get(layer).whole();
        }

        @Override
        public void close() {
            tensors.close();
        }
    }

    private static Tensor weight(long seed) {
        return Tensor.normal(seed, 1, WIDTH, WIDTH).mul(0.05);
    }

    /** The result of all layers, and the gradients of input and weights. */
    private static List<float[]> run(List<Tensor> layers) {
        Tensor x = Tensor.normal(9, 2, 3, WIDTH).requireGradient();
        Tensor y = x;
        for (Tensor layer : layers) {
            y = y.linear(layer).silu();
        }
        Autograd.backward(y.sum(), null);
        List<float[]> all = new ArrayList<>(List.of(y.toFloatArray(), x.gradient().toFloatArray()));
        layers.forEach(layer -> all.add(layer.gradient().toFloatArray()));
        return all;
    }

    private static List<float[]> expected() {
        try (var _ = Scope.open()) {
            List<Tensor> layers = new ArrayList<>();
            for (int layer = 0; layer < LAYERS; layer++) {
                layers.add(weight(layer).requireGradient());
            }
            return run(layers);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "2,1", "3,1", "3,2", "5,1", "3,0"})
    void resultsAndGradientsAreThoseOfWholeTensors(int size, int most) {
        List<float[]> expected = expected();
        List<List<float[]>> results = ThreadRanks.run(size, ranks -> {
            try (var _ = Scope.open(); var model = Model.of(ranks, most)) {
                long parts = model.layers.stream().mapToLong(layer -> layer.part().elementCount()).sum();
                assertThat(parts).isEqualTo(LAYERS * model.layers.getFirst().division().size(ranks.rank()));
                List<Tensor> layers = new ArrayList<>();
                for (int layer = 0; layer < LAYERS; layer++) {
                    layers.add(model.whole(layer).detach().requireGradient());
                }
                List<float[]> found = run(layers);
                assertThat(model.tensors.gathered()).isEqualTo(most == 0 ? List.of(3, 2, 1, 0) : List.of(1, 0).subList(2 - most, 2));
                return found;
            }
        });
        assertThat(results).allSatisfy(found -> {
            for (int i = 0; i < expected.size(); i++) {
                assertThat(found.get(i)).as("value %d", i).isEqualTo(expected.get(i));
            }
        });
    }

    /** Three blocks over four ranks: the last has none. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void oneRankReadsAndWritesAloneWhileTheOthersServeIt(int most) {
        ThreadRanks.run(4, ranks -> {
            try (var _ = Scope.open(); var model = Model.of(ranks, most)) {
                boolean isAlone = ranks.rank() == 0;
                model.tensors.setAlone(isAlone ? orders(ranks) : null);
                if (isAlone) {
                    assertThat(model.whole(2).toFloatArray()).isEqualTo(weight(2).toFloatArray());
                    model.whole(1).assign(weight(11));
                    model.whole(3).slice(0, 400, 420).fill(7);
                    assertThat(model.whole(1).toFloatArray()).isEqualTo(weight(11).toFloatArray());
                    model.tensors.send(model.layers.getFirst(), weight(12));
                    model.tensors.setTogether();
                    order(ranks, -1, 0, 0);
                } else {
                    serve(ranks, model.tensors);
                    model.tensors.setTogether();
                }
                model.tensors.update(() -> model.layers.get(2).part().fill(ranks.rank()));
                assertThat(model.whole(0).toFloatArray()).isEqualTo(weight(12).toFloatArray());
                assertThat(model.whole(1).toFloatArray()).isEqualTo(weight(11).toFloatArray());
                assertThat(model.whole(3).slice(0, 0, 400).toFloatArray()).isEqualTo(weight(3).slice(0, 0, 400).toFloatArray());
                assertThat(model.whole(3).slice(0, 400, 420).toFloatArray()).containsOnly(7);
                Tensor blocks = model.whole(2).reshape(SHAPE.elementCount());
                assertThat(blocks.slice(0, DividedTensors.BLOCK, 2 * DividedTensors.BLOCK).toFloatArray()).containsOnly(1);
                assertThat(blocks.slice(0, 2 * DividedTensors.BLOCK, SHAPE.elementCount()).toFloatArray()).containsOnly(2);
                return null;
            }
        });
    }

    private static DividedTensors.Orders orders(Communicator ranks) {
        return new DividedTensors.Orders() {
            @Override
            public void send(boolean isWrite, int group, int tensor) {
                order(ranks, isWrite ? 1 : 0, group, tensor);
            }

            @Override
            public void fail(Throwable error) {
                ranks.fail(error.getMessage());
            }
        };
    }

    private static void order(Communicator ranks, long... numbers) {
        ranks.broadcast(Tensor.of(numbers), 0);
    }

    private static void serve(Communicator ranks, DividedTensors tensors) {
        Tensor order = Tensor.of(new long[3]);
        while (true) {
            ranks.broadcast(order, 0);
            long[] numbers = order.toLongArray();
            if (numbers[0] < 0) {
                return;
            }
            tensors.serve(numbers[0] == 1, (int) numbers[1], (int) numbers[2], 0);
        }
    }

    /** Gathering is no write: a tensor that backward needs is still what the operation saw. A write by the user is one. */
    @Test
    void whatIsGatheredAgainCountsAsUnchanged() {
        ThreadRanks.run(2, ranks -> {
            try (var _ = Scope.open(); var model = Model.of(ranks, 1)) {
                Tensor x = Tensor.normal(9, 2, 3, WIDTH).requireGradient();
                Tensor y = x.linear(model.whole(0));
                model.whole(1).sum();
                y.sum().backward();
                Tensor z = x.linear(model.whole(0));
                model.whole(0).fill(1);
                assertThatThrownBy(() -> z.sum().backward()).isInstanceOf(TensorException.class).hasMessageContaining("has been overwritten since");
                return null;
            }
        });
    }

    /** An operation whose operands are of two groups needs both at once. */
    @Test
    void aGroupThatAKernelUsesStays() {
        ThreadRanks.run(2, ranks -> {
            try (var _ = Scope.open(); var model = Model.of(ranks, 1)) {
                assertThat(model.whole(0).add(model.whole(1)).toFloatArray()).isEqualTo(weight(0).add(weight(1)).toFloatArray());
                assertThat(model.tensors.gathered()).containsExactly(0, 1);
                model.whole(2).sum();
                assertThat(model.tensors.gathered()).containsExactly(2);
                return null;
            }
        });
    }

    @Test
    void partsThatDoNotFitAreRefused() {
        ThreadRanks.run(2, ranks -> {
            try (var _ = Scope.open();
                    var tensors = new DividedTensors(ranks, Device.cpu(), 1);
                    var model = Model.of(ranks, 1)) {
                assertThatThrownBy(() -> tensors.add(0, Tensor.zeros(5), Shape.of(10), new Division(10, 2, 3))).isInstanceOf(TensorException.class)
                        .hasMessageContaining("is not the part of rank %d of [10]".formatted(ranks.rank()));
                assertThatThrownBy(() -> tensors.set(model.layers.getFirst(), weight(1))).isInstanceOf(TensorException.class)
                        .hasMessageContaining("is none of these tensors");
                return null;
            }
        });
        assertThatThrownBy(() -> new DividedTensors(Communicator.single(), Device.cpu(), -1)).isInstanceOf(TensorException.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void aDividedSumHasTheBitsOfTheTree(int size) {
        for (int count = 1; count <= 9; count++) {
            int leaves = count;
            ThreadRanks.run(size, ranks -> {
                try (var _ = Scope.open()) {
                    var division = new Division(10, size, 3);
                    var sum = new DividedSum(ranks, division, leaves, Tensor.zeros(1));
                    for (int first = 0; first < leaves; first += size) {
                        boolean isLast = sum.add(leaf(first + ranks.rank()), first);
                        assertThat(isLast).isEqualTo(first + size >= leaves);
                    }
                    Tensor expected = expected(leaves);
                    assertThat(sum.result().toFloatArray())
                            .isEqualTo(expected.slice(0, division.begin(ranks.rank()), division.end(ranks.rank())).toFloatArray());
                    sum.close();
                    return null;
                }
            });
        }
    }

    private static Tensor leaf(long number) {
        return Tensor.normal(number, 5, 10).cast(DType.BF16);
    }

    private static Tensor expected(int leaves) {
        try (var sum = new TreeSum(leaves)) {
            Tensor last = null;
            for (int leaf = 0; leaf < leaves; leaf++) {
                last = leaf(leaf);
                sum.add(last);
            }
            return last;
        }
    }
}
