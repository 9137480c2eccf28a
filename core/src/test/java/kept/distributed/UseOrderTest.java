package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Groups are gathered ahead, in the order of the pass before. */
class UseOrderTest {
    private static final Shape SHAPE = Shape.of(3 * DividedTensors.BLOCK + 5);
    private static final int[] PASS = {0, 1, 2, 3, 3, 2, 1, 0};

    /** Groups of two tensors each, with the group's number as their elements. */
    private static final class Groups implements AutoCloseable {
        private final DividedTensors tensors;
        private final List<DividedTensor> all = new ArrayList<>();
        /** For each use, what was on its way before. */
        private final List<Integer> arriving = new ArrayList<>();

        Groups(Communicator ranks, int most, UseOrder order) {
            tensors = new DividedTensors(ranks, Device.cpu(), most);
            for (int i = 0; i < 8; i++) {
                all.add(tensors.add(i / 2, DType.F32, SHAPE));
                try (var _ = Scope.open()) {
                    tensors.set(all.getLast(), Tensor.full(i / 2, DType.F32, SHAPE));
                }
            }
            tensors.expect(order);
            tensors.onUse(_ -> arriving.add(tensors.arriving()));
        }

        void use(int... groups) {
            arriving.clear();
            for (int group : groups) {
                for (DividedTensor tensor : all.subList(2 * group, 2 * group + 2)) {
                    try (var _ = Scope.open()) {
                        assertThat(tensor.whole().sum().item()).isEqualTo(group * SHAPE.elementCount());
                    }
                }
            }
        }

        @Override
        public void close() {
            tensors.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "2,1", "3,1", "5,1", "3,2", "3,0"})
    void theNextGroupIsOnItsWayBeforeItIsUsed(int size, int most) {
        ThreadRanks.run(size, ranks -> {
            var order = new UseOrder();
            try (var groups = new Groups(ranks, most, order)) {
                long bytes = ranks.bytesSent();
                groups.use(PASS);
                long once = ranks.bytesSent() - bytes;
                for (int pass = 1; pass <= 3; pass++) {
                    groups.tensors.update(() -> { });
                    order.begin();
                    bytes = ranks.bytesSent();
                    groups.use(PASS);
                    assertThat(ranks.bytesSent() - bytes).as("bytes of pass %d", pass).isEqualTo(once);
                    List<Integer> expected = most == 1 ? List.of(-1, 1, 2, 3, 2, 1, 0) : most == 2 ? List.of(-1, 1, 2, 3, -1, 1, 0)
                            : List.of(-1, 1, 2, 3, -1, -1, -1);
                    assertThat(groups.arriving).as("pass %d", pass).isEqualTo(expected);
                }
                return null;
            }
        });
    }

    @Test
    void aPassThatDiffersUsesWhatItNeedsAndIsExpectedNext() {
        ThreadRanks.run(2, ranks -> {
            var order = new UseOrder();
            try (var groups = new Groups(ranks, 1, order)) {
                groups.use(0, 1, 2, 3);
                order.begin();
                groups.use(0, 2, 1, 3);
                assertThat(groups.arriving).containsExactly(-1, 1, -1, -1);
                order.begin();
                long bytes = ranks.bytesSent();
                groups.use(0, 2, 1, 3);
                assertThat(groups.arriving).containsExactly(-1, 2, 1, 3);
                assertThat(ranks.bytesSent() - bytes).isEqualTo(4 * 2 * Float.BYTES * groups.all.getFirst().part().elementCount());
                order.begin();
                groups.use(0);
                assertThat(groups.tensors.arriving()).as("nobody uses this one").isEqualTo(2);
                return null;
            }
        });
    }

    @Test
    void severalTensorsFollowOneAnother() {
        ThreadRanks.run(2, ranks -> {
            var order = new UseOrder();
            try (var first = new Groups(ranks, 1, order);
                    var second = new Groups(ranks, 1, order)) {
                for (int pass = 0; pass < 2; pass++) {
                    order.begin();
                    first.use(0, 1);
                    assertThat(second.tensors.arriving()).isEqualTo(pass == 0 ? -1 : 2);
                    second.use(2, 1);
                    first.use(3);
                }
                return null;
            }
        });
    }

    @Test
    void partsThatChangeWhileTheirGroupIsOnItsWayAreGatheredAnew() {
        ThreadRanks.run(3, ranks -> {
            var order = new UseOrder();
            try (var groups = new Groups(ranks, 1, order);
                    var _ = Scope.open()) {
                groups.use(0, 1, 2);
                order.begin();
                groups.use(0);
                assertThat(groups.tensors.arriving()).isEqualTo(1);
                groups.tensors.update(() -> groups.all.get(2).part().fill(7));
                assertThat(groups.all.get(2).whole().sum().item()).isEqualTo(7 * SHAPE.elementCount());
                order.begin();
                groups.use(0);
                assertThat(groups.tensors.arriving()).isEqualTo(1);
                groups.tensors.set(groups.all.get(3), Tensor.full(9, DType.F32, SHAPE));
                assertThat(groups.all.get(3).whole().sum().item()).isEqualTo(9 * SHAPE.elementCount());
                return null;
            }
        });
    }
}
