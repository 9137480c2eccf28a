package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import kept.backend.BlockCodes;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class CodedMomentsTest {
    private static final int BLOCK = BlockCodes.BLOCK;
    /** The last block is not whole. */
    private static final int COUNT = 3 * BLOCK + 77;

    @Test
    void blocksAreReadFromAnyOnAndWrittenToAnyOn() {
        try (var _ = Scope.open()) {
            Tensor numbers = Tensor.uniform(5, 1, COUNT).mul(Tensor.uniform(5, 2, COUNT));
            Tensor first = Tensor.full(0, DType.I32, BlockCodes.shape(COUNT));
            Tensor second = Tensor.full(0, DType.I32, BlockCodes.shape(COUNT));
            CodedMoments.writeFirst(numbers, first, 0);
            CodedMoments.writeSecond(numbers, second, 0);
            float[] wholeFirst = readFirst(first, 0);
            float[] wholeSecond = readSecond(second, 0);
            for (int start = 0; start < COUNT; start += BLOCK) {
                assertThat(readFirst(first, start)).isEqualTo(Arrays.copyOfRange(wholeFirst, start, COUNT));
                assertThat(readSecond(second, start)).isEqualTo(Arrays.copyOfRange(wholeSecond, start, COUNT));
            }

            Tensor piecesOfFirst = Tensor.full(0, DType.I32, BlockCodes.shape(COUNT));
            Tensor piecesOfSecond = Tensor.full(0, DType.I32, BlockCodes.shape(COUNT));
            for (int start = 0; start < COUNT; start += 2 * BLOCK) {
                Tensor piece = numbers.slice(0, start, Math.min(start + 2 * BLOCK, COUNT));
                CodedMoments.writeFirst(piece, piecesOfFirst, start);
                CodedMoments.writeSecond(piece, piecesOfSecond, start);
            }
            assertThat(readFirst(piecesOfFirst, 0)).isEqualTo(wholeFirst);
            assertThat(readSecond(piecesOfSecond, 0)).isEqualTo(wholeSecond);
        }
    }

    private static float[] readFirst(Tensor codes, int start) {
        Tensor numbers = Tensor.empty(DType.F32, Shape.of(COUNT - start));
        CodedMoments.readFirst(codes, start, numbers);
        return numbers.toFloatArray();
    }

    private static float[] readSecond(Tensor codes, int start) {
        Tensor numbers = Tensor.empty(DType.F32, Shape.of(COUNT - start));
        CodedMoments.readSecond(codes, start, numbers);
        return numbers.toFloatArray();
    }
}
