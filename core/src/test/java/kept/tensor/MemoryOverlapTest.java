package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import kept.backend.TensorMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which views share elements, against a count of the places of all their elements. */
class MemoryOverlapTest {
    private static final int MEMORY = 4000;

    private final Random random = new Random(11);
    private Scope scope;
    private Tensor memory;

    @BeforeEach
    void open() {
        scope = Scope.open();
        memory = Tensor.zeros(MEMORY);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /** A view with strides that fit each other by chance, and with negative ones as {@link Tensor#alias} lets a caller have them. */
    private Tensor strided() {
        int rank = random.nextInt(5);
        long[] extents = new long[rank];
        long[] strides = new long[rank];
        for (int axis = 0; axis < rank; axis++) {
            extents[axis] = random.nextInt(20) == 0 ? 0 : 1 + random.nextInt(5);
            strides[axis] = random.nextInt(rank == 1 ? 4 : 40) - (random.nextInt(4) == 0 ? 20 : 0);
        }
        return TensorMemory.view(memory, Shape.of(extents), strides, MEMORY / 2 + random.nextInt(60));
    }

    /** A view as operations make it: slices, permutations, reshapes, expansions of something dense. */
    private Tensor composed() {
        Tensor view = memory.slice(0, 1000, 1720).reshape(6, 5, 4, 6);
        for (int i = random.nextInt(5); i > 0; i--) {
            int axis = random.nextInt(view.rank());
            long extent = view.size(axis);
            switch (random.nextInt(5)) {
                case 0 -> view = view.transpose(axis, random.nextInt(view.rank()));
                case 1 -> view = view.slice(axis, random.nextInt((int) extent), extent, 1 + random.nextInt(3));
                case 2 -> view = view.slice(axis, 0, 1).expand(view.shape().with(axis, 1 + random.nextInt(3)));
                case 3 -> view = view.unsqueeze(axis);
                default -> {
                    Tensor flat = view.reshape(view.elementCount());
                    view = flat.storage() == memory.storage() ? flat : view;
                }
            }
        }
        return view;
    }

    private static Set<Long> places(Tensor view) {
        Set<Long> places = new HashSet<>();
        long[] index = new long[view.rank()];
        for (long element = 0; element < view.elementCount(); element++) {
            long place = view.offset();
            for (int axis = 0; axis < index.length; axis++) {
                place += index[axis] * view.stride(axis);
            }
            places.add(place);
            for (int axis = index.length - 1; axis >= 0 && ++index[axis] == view.size(axis); axis--) {
                index[axis] = 0;
            }
        }
        return places;
    }

    @Test
    void aViewRepeatsElementsIfItHasFewerPlacesThanElements() {
        int repeating = 0;
        for (int i = 0; i < 40_000; i++) {
            Tensor view = i % 2 == 0 ? strided() : composed();
            boolean expected = places(view).size() < view.elementCount();
            repeating += expected ? 1 : 0;
            assertThat(view.hasRepeatedElements()).as("%s %s", view.shape(), Arrays.toString(view.strides())).isEqualTo(expected);
        }
        assertThat(repeating).isBetween(8_000, 32_000);
    }

    @Test
    void twoViewsOverlapIfTheyHaveAPlaceInCommon() {
        int overlapping = 0;
        for (int i = 0; i < 40_000; i++) {
            Tensor a = i % 2 == 0 ? strided() : composed();
            Tensor b = i % 2 == 0 ? strided() : composed();
            Set<Long> common = places(a);
            common.retainAll(places(b));
            overlapping += common.isEmpty() ? 0 : 1;
            assertThat(a.overlaps(b)).as("%s and %s", a.shape(), b.shape()).isEqualTo(!common.isEmpty());
        }
        assertThat(overlapping).isBetween(8_000, 32_000);
    }

    @Test
    void tensorsOfOtherMemoryDoNotOverlap() {
        assertThat(memory.overlaps(Tensor.zeros(MEMORY))).isFalse();
        assertThat(memory.overlaps(memory.detach())).isTrue();
    }

    /** Too many sums to try them all: rather refused than lost. */
    @Test
    void whatTakesTooLongToDecideCountsAsSharing() {
        long[] strides = {1_000_003, 1_000_000};
        assertThat(MemoryOverlap.within(Shape.of(90_000, 90_000), strides)).isFalse();
        assertThat(MemoryOverlap.within(Shape.of(900_000, 900_000), strides)).isTrue();
    }
}
