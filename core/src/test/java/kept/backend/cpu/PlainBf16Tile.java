package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.tensor.Bfloat16;

/** Tiles in plain Java, on any processor. Where products and sums are exact they have the bits of the machine code. */
final class PlainBf16Tile implements Bf16Gemm.Tile {
    @Override
    public void multiply(int rows, long a, MemorySegment b, int pairs, long c, long cStride, boolean add) {
        for (int row = 0; row < rows; row++) {
            MemorySegment left = memory(a + (long) row * Bf16Gemm.ROW_BYTES, 4L * pairs);
            MemorySegment to = memory(c + row * cStride, 4L * Bf16Gemm.COLUMNS);
            for (int column = 0; column < Bf16Gemm.COLUMNS; column++) {
                float sum = add ? to.getAtIndex(ValueLayout.JAVA_FLOAT, column) : 0;
                for (int pair = 0; pair < pairs; pair++) {
                    int x = left.getAtIndex(ValueLayout.JAVA_INT, pair);
                    int y = b.getAtIndex(ValueLayout.JAVA_INT, (long) pair * Bf16Gemm.COLUMNS + column);
                    sum += Bfloat16.toFloat((short) x) * Bfloat16.toFloat((short) y);
                    sum += Bfloat16.toFloat((short) (x >> 16)) * Bfloat16.toFloat((short) (y >> 16));
                }
                to.setAtIndex(ValueLayout.JAVA_FLOAT, column, sum);
            }
        }
    }

    @SuppressWarnings("restricted")
    private static MemorySegment memory(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }
}
