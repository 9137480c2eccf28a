package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class OrderTest {
    @Test
    void eachOrderIsAPermutationOfBlocksAndWarps() {
        for (Order order : List.of(Order.ASCENDING, Order.REVERSED, Order.random(1), Order.random(-77))) {
            for (int count : new int[] {1, 2, 7, 12, 100}) {
                assertThat(LongStream.range(0, count).map(turn -> order.block(turn, count)).sorted()).as("%s, %d blocks", order, count)
                        .containsExactlyElementsOf(LongStream.range(0, count).boxed().toList());
                assertThat(IntStream.of(order.warps(count, order.source(3))).sorted()).as("%s, %d warps", order, count)
                        .containsExactlyElementsOf(IntStream.range(0, count).boxed().toList());
            }
        }
    }

    @Test
    void ordersDifferAndAreReproducible() {
        assertThat(Order.ASCENDING.warps(4, Order.ASCENDING.source(0))).containsExactly(0, 1, 2, 3);
        assertThat(Order.REVERSED.warps(4, Order.REVERSED.source(0))).containsExactly(3, 2, 1, 0);
        assertThat(Order.REVERSED.block(0, 5)).isEqualTo(4);
        Order random = Order.random(5);
        assertThat(random.warps(16, random.source(0))).isEqualTo(random.warps(16, random.source(0))).isNotEqualTo(random.warps(16, random.source(1)));
        assertThat(random.turn(random.source(0))).isBetween(1, 100);
    }
}
