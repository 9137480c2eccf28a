package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
    @Test
    void extentsAndCounts() {
        Shape shape = Shape.of(2, 3, 4);
        assertThat(shape.rank()).isEqualTo(3);
        assertThat(shape.size(-1)).isEqualTo(4);
        assertThat(shape.elementCount()).isEqualTo(24);
        assertThat(Shape.of().elementCount()).isEqualTo(1);
        assertThat(Shape.of(0, 5).elementCount()).isZero();
        assertThat(Shape.of(1L << 40, 1L << 20).elementCount()).isEqualTo(1L << 60);
        assertThat(shape).hasToString("[2, 3, 4]").isEqualTo(Shape.of(2, 3, 4)).hasSameHashCodeAs(Shape.of(2, 3, 4)).isNotEqualTo(Shape.of(2, 12));
        assertThat(shape.with(-2, 7)).isEqualTo(Shape.of(2, 7, 4));
        assertThat(shape.contiguousStrides()).containsExactly(12, 4, 1);
    }

    @Test
    void theArrayGivenOrTakenIsNotShared() {
        long[] extents = {2, 3};
        Shape shape = Shape.of(extents);
        extents[0] = 9;
        shape.toArray()[1] = 9;
        assertThat(shape).isEqualTo(Shape.of(2, 3));
    }

    @Test
    void broadcasting() {
        assertThat(Shape.broadcast(Shape.of(2, 1, 4), Shape.of(3, 1))).isEqualTo(Shape.of(2, 3, 4));
        assertThat(Shape.broadcast(Shape.of(), Shape.of(3))).isEqualTo(Shape.of(3));
        assertThat(Shape.broadcast(Shape.of(1), Shape.of(0))).isEqualTo(Shape.of(0));
        assertThatThrownBy(() -> Shape.broadcast(Shape.of(2, 3), Shape.of(2)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[broadcast] shapes do not broadcast: [2, 3] and [2]");
    }

    @Test
    void impossibleShapesAreRefused() {
        assertThatThrownBy(() -> Shape.of(2, -1)).isInstanceOf(ShapeException.class).hasMessage("[shape] negative extent in [2, -1]");
        assertThatThrownBy(() -> Shape.of(1L << 40, 1L << 40))
                .isInstanceOf(ShapeException.class)
                .hasMessageStartingWith("[shape] too many elements for a 64-bit count");
        assertThatThrownBy(() -> Shape.of(2).size(1)).isInstanceOf(ShapeException.class).hasMessage("[size] no axis 1 in [2]");
    }

    @Test
    void manyDimensionsAreCounted() {
        assertThat(Shape.of(new long[10_000])).hasToString("[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...: 10,000 dimensions]");
        assertThat(Shape.of(new long[16])).asString().endsWith("0, 0]");
    }
}
