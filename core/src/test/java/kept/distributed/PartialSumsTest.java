package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import kept.distributed.Leaves.Node;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class PartialSumsTest {
    /** In any order of arrival; a term is unchanged unless its memory was given away. */
    @Test
    void theBitsAreThoseOfTheTree() {
        int length = 37;
        var random = new Random(4);
        for (int count = 1; count <= 9; count++) {
            byte[] expected;
            try (var _ = Scope.open()) {
                expected = TestTensors.treeSum(count, DType.F32, length);
            }
            for (int round = 0; round < 40; round++) {
                List<Integer> order = IntStream.range(0, count).boxed().collect(Collectors.toList());
                Collections.shuffle(order, random);
                long given = round == 0 ? 0 : random.nextInt(1 << count);
                try (var _ = Scope.open(); var scope = Scope.detached(Device.cpu())) {
                    var sums = new PartialSums(count, scope);
                    Tensor[] leaves = new Tensor[count];
                    for (int i = 0; i < count; i++) {
                        int leaf = order.get(i);
                        leaves[leaf] = TestTensors.leaf(leaf, DType.F32, length);
                        Tensor sum = sums.add(new Node(0, leaf), leaves[leaf], (given >> leaf & 1) == 1);
                        if (i < count - 1) {
                            assertThat(sum).isNull();
                        } else {
                            assertThat(TestTensors.bytes(sum)).as("%d leaves in the order %s, given %x", count, order, given).isEqualTo(expected);
                        }
                    }
                    for (int leaf = 0; leaf < count; leaf++) {
                        if ((given >> leaf & 1) == 0) {
                            assertThat(TestTensors.bytes(leaves[leaf])).isEqualTo(TestTensors.bytes(TestTensors.leaf(leaf, DType.F32, length)));
                        }
                    }
                }
            }
        }
    }
}
