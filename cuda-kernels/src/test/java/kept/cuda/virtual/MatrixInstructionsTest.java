package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The layout of fragments is that of the PTX manual's figures, written here as sums over single elements. */
class MatrixInstructionsTest {
    @Test
    void ldmatrixDistributesRowsOfEightElements() {
        // Element e of the 4 matrices in row-major order has the value e.
        String fill = """
                mov.u32 %r20, smem;
                shl.b32 %r21, %r31, 4;
                add.u32 %r22, %r20, %r21;
                shl.b32 %r23, %r31, 3;
                add.u32 %r24, %r23, 1; shl.b32 %r24, %r24, 16; or.b32 %r1, %r23, %r24;
                add.u32 %r2, %r1, 0x00020002; add.u32 %r3, %r1, 0x00040004; add.u32 %r4, %r1, 0x00060006;
                st.shared.v4.b32 [%r22], {%r1, %r2, %r3, %r4};
                bar.warp.sync -1;
                """;
        for (int matrix = 0; matrix < 4; matrix++) {
            long[] plain = Snippet.statements(fill + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r22]; mov.b32 %r0, %r1"
                    + matrix + ";", 'W', 32);
            long[] transposed = Snippet.statements(fill + "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r10, %r11, %r12, %r13}, [%r22];"
                    + "mov.b32 %r0, %r1" + matrix + ";", 'W', 32);
            for (int lane = 0; lane < 32; lane++) {
                int low = 64 * matrix + 8 * (lane / 4) + 2 * (lane % 4);
                assertThat(plain[lane]).isEqualTo(low | (long) (low + 1) << 16);
                int first = 64 * matrix + 8 * (2 * (lane % 4)) + lane / 4;
                assertThat(transposed[lane]).isEqualTo(first | (long) (first + 8) << 16);
            }
        }
        long[] two = Snippet.statements(fill + "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r10, %r11}, [%r22]; mov.b32 %r0, %r11;", 'W', 32);
        assertThat(two[5]).isEqualTo(64 + 8 + 2 | (64L + 8 + 3) << 16);
        long[] one = Snippet.statements(fill + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r10}, [%r22]; mov.b32 %r0, %r10;", 'W', 32);
        assertThat(one[5]).isEqualTo(2 * 8 + 1 | (3L * 8 + 1) << 16);
        long[] moved = Snippet.statements(fill + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r22];"
                + "movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r10;", 'W', 32);
        assertThat(moved).isEqualTo(one);
    }

    @Test
    void aRowOfAMatrixMustBeAligned() {
        assertThatThrownBy(() -> Snippet.statements("""
                mov.u32 %r1, smem;
                mad.lo.s32 %r1, %r31, 8, %r1;
                st.shared.b64 [%r1], 0;
                bar.warp.sync -1;
                ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r1];
                """, 'W', 32)).isInstanceOf(KernelFault.class)
                .message().contains("16 bytes of shared memory at offset 8, which is no multiple of 16");
    }

    @ParameterizedTest
    @CsvSource({"m16n8k16, bf16, 16", "m16n8k16, f16, 16", "m16n8k8, bf16, 8", "m16n8k8, f16, 8"})
    void productsOfSixteenBitElements(String shape, String type, int k) {
        var random = new Random(k);
        float[][] a = new float[16][k];
        float[][] b = new float[k][8];
        fill(a, random);
        fill(b, random);
        var text = new StringBuilder();
        int lefts = k / 4;
        for (int i = 0; i < lefts; i++) {
            int register = i;
            text.append(constant("%r" + (1 + i), lane -> pair(type, a[lane / 4 + 8 * (register % 2)], 2 * (lane % 4) + 8 * (register / 2))));
        }
        for (int i = 0; i < k / 8; i++) {
            int at = 8 * i;
            text.append(constant("%r" + (5 + i), lane -> {
                int row = 2 * (lane % 4) + at;
                return pair(type, new float[] {b[row][lane / 4], b[row + 1][lane / 4]}, 0);
            }));
        }
        for (int i = 0; i < 4; i++) {
            text.append("mov.f32 %f").append(i).append(", 0f3F800000;\n");
        }
        String instruction = "mma.sync.aligned.%s.row.col.f32.%s.%s.f32 {%%f4,%%f5,%%f6,%%f7}, {%s}, {%s}, {%%f0,%%f1,%%f2,%%f3};\n";
        text.append(instruction.formatted(shape, type, type, k == 16 ? "%r1,%r2,%r3,%r4" : "%r1,%r2", k == 16 ? "%r5,%r6" : "%r5"));
        check(text.toString(), a, b, k);
    }

    @ParameterizedTest
    @CsvSource({"m16n8k8, 8", "m16n8k4, 4"})
    void productsOfTf32(String shape, int k) {
        var random = new Random(k);
        float[][] a = new float[16][k];
        float[][] b = new float[k][8];
        fill(a, random);
        fill(b, random);
        var text = new StringBuilder();
        for (int i = 0; i < k / 2; i++) {
            int register = i;
            text.append(constant("%r" + (1 + i), lane -> Float.floatToRawIntBits(a[lane / 4 + 8 * (register % 2)][lane % 4 + 4 * (register / 2)])));
        }
        for (int i = 0; i < k / 4; i++) {
            int register = i;
            text.append(constant("%r" + (5 + i), lane -> Float.floatToRawIntBits(b[lane % 4 + 4 * register][lane / 4])));
        }
        for (int i = 0; i < 4; i++) {
            text.append("mov.f32 %f").append(i).append(", 0f3F800000;\n");
        }
        text.append("mma.sync.aligned.%s.row.col.f32.tf32.tf32.f32 {%%f4,%%f5,%%f6,%%f7}, {%s}, {%s}, {%%f0,%%f1,%%f2,%%f3};\n".formatted(shape,
                k == 8 ? "%r1,%r2,%r3,%r4" : "%r1,%r2", k == 8 ? "%r5,%r6" : "%r5"));
        check(text.toString(), a, b, k);
    }

    /** Small integers, so that every order of summation gives the same bits. */
    private static void fill(float[][] matrix, Random random) {
        for (float[] row : matrix) {
            for (int i = 0; i < row.length; i++) {
                row[i] = random.nextInt(17) - 8;
            }
        }
    }

    private static int pair(String type, float[] row, int at) {
        return half(type, row[at]) | half(type, row[at + 1]) << 16;
    }

    private static int half(String type, float value) {
        return (type.equals("f16") ? Float.floatToFloat16(value) : Float.floatToRawIntBits(value) >>> 16) & 0xffff;
    }

    /** Statements that set a register to a different constant in each lane. */
    private static String constant(String register, java.util.function.IntUnaryOperator value) {
        var text = new StringBuilder();
        for (int lane = 0; lane < 32; lane++) {
            text.append("setp.eq.u32 %p1, %r31, ").append(lane).append(";\n@%p1 mov.b32 ").append(register).append(", ")
                    .append(value.applyAsInt(lane)).append(";\n");
        }
        return text.toString();
    }

    private static void check(String text, float[][] a, float[][] b, int k) {
        for (int i = 0; i < 4; i++) {
            long[] results = Snippet.statements(text + "mov.f32 %f0, %f" + (4 + i) + ";\n", 'F', 32);
            for (int lane = 0; lane < 32; lane++) {
                int row = lane / 4 + (i >= 2 ? 8 : 0);
                int column = 2 * (lane % 4) + i % 2;
                float expected = 1;
                for (int j = 0; j < k; j++) {
                    expected += a[row][j] * b[j][column];
                }
                assertThat(Float.intBitsToFloat((int) results[lane])).isEqualTo(expected);
            }
        }
    }

    @Test
    void matrixInstructionsNeedTheWholeWarp() {
        assertThatThrownBy(() -> Snippet.statements("movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r31;", 'W', 31)).isInstanceOf(KernelFault.class)
                .message().contains("needs a whole warp; lanes 0x80000000 do not exist or have exited");
    }
}
