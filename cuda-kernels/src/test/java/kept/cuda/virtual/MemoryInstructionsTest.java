package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryInstructionsTest {
    private static final String HEADER = ".version 7.0\n.target sm_80\n.address_size 64\n";

    @Test
    void narrowLoadsAreExtendedAndNarrowStoresTruncated() {
        assertThat(Snippet.statements("""
                mov.u32 %r2, smem;
                mov.u32 %r3, 0x12fe;
                st.shared.u16 [%r2+2], %r3;
                st.shared.u8 [%r2], %r3;
                ld.shared.s8 %r4, [%r2];
                ld.shared.u8 %r5, [%r2];
                ld.shared.s16 %r6, [%r2+2];
                ld.shared.s8 %rd1, [%r2+2];
                cvt.u32.u64 %r7, %rd1;
                shl.b32 %r5, %r5, 8;
                xor.b32 %r0, %r4, %r5;
                xor.b32 %r0, %r0, %r6;
                xor.b32 %r0, %r0, %r7;
                """, 'W', 1)[0]).isEqualTo(((0xfffffffeL ^ 0xfe00) ^ 0x12fe ^ 0xfffffffeL) & 0xffffffffL);
    }

    @Test
    void vectorsKeepTheirOrder() {
        assertThat(Snippet.statements("""
                mov.u32 %r2, smem;
                st.shared.v4.u32 [%r2], {1, 2, 3, 4};
                ld.shared.v2.u64 {%rd1, %rd2}, [%r2];
                st.shared.v2.u64 [%r2+16], {%rd2, %rd1};
                ld.shared.v4.u32 {%r4, _, %r5, %r6}, [%r2+16];
                mad.lo.u32 %r0, %r4, 10, %r5;
                mad.lo.u32 %r0, %r0, 10, %r6;
                """, 'W', 1)).containsExactly(312);
    }

    @Test
    void genericAddressesFindTheirSpace() {
        long[] results = Snippet.statements("""
                .local .align 8 .b8 depot[16];
                mov.u64 %rd1, depot;
                cvta.local.u64 %rd2, %rd1;
                st.u32 [%rd2+4], %r31;
                ld.local.u32 %r1, [%rd1+4];
                mov.u64 %rd3, smem;
                cvta.shared.u64 %rd4, %rd3;
                mad.wide.u32 %rd5, %r31, 4, %rd4;
                st.u32 [%rd5], %r1;
                cvta.to.shared.u64 %rd6, %rd5;
                ld.shared.u32 %r2, [%rd6];
                isspacep.shared %p1, %rd5;
                isspacep.global %p2, %rd5;
                isspacep.local %p3, %rd2;
                @%p1 add.u32 %r2, %r2, 1000;
                @%p2 add.u32 %r2, %r2, 2000;
                @%p3 add.u32 %r2, %r2, 4000;
                mov.u32 %r0, %r2;
                """, 'W', 3);
        assertThat(results).containsExactly(5000, 5001, 5002);
    }

    @ParameterizedTest
    @CsvSource({
        "add.u32, 10, 5, 15",
        "min.s32, 10, -5, -5",
        "max.u32, 10, -5, -5",
        "and.b32, 12, 10, 8",
        "or.b32, 12, 10, 14",
        "xor.b32, 12, 10, 6",
        "exch.b32, 12, 10, 10",
        "inc.u32, 7, 7, 0",
        "inc.u32, 6, 7, 7",
        "dec.u32, 0, 7, 7",
        "dec.u32, 3, 7, 2"})
    void atomicsGiveTheOldValueAndLeaveTheNew(String operation, int before, int operand, int after) {
        var device = new Device();
        long cell = device.upload(before);
        long out = device.upload(0, 0);
        long kernel = device.kernel("atom", HEADER + """
                .visible .entry test(.param .u64 cell, .param .u64 out, .param .u32 operand) {
                .reg .b32 %r<9>; .reg .b64 %rd<9>;
                ld.param.u64 %rd1, [cell];
                ld.param.u64 %rd2, [out];
                ld.param.u32 %r1, [operand];
                atom.global.OP %r2, [%rd1], %r1;
                st.global.u32 [%rd2], %r2;
                }
                """.replace("OP", operation), "test");
        device.launch(kernel, Grid.of(1, 1), 0, cell, out, operand);
        assertThat(device.ints(cell, 1)).containsExactly(after);
        assertThat(device.ints(out, 1)).containsExactly(before);
    }

    @Test
    void atomicsOfOtherKinds() {
        var device = new Device();
        long cells = device.upload(Float.floatToRawIntBits(1), 5, 6, 0, 0x3f803f80, 0);
        long kernel = device.kernel("atom", HEADER + """
                .visible .entry test(.param .u64 cells) {
                .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .f32 %f<9>;
                ld.param.u64 %rd1, [cells];
                red.global.add.f32 [%rd1], 0f3F000000;
                atom.global.cas.b32 %r1, [%rd1+4], 5, 50;
                atom.global.relaxed.gpu.cas.b32 %r1, [%rd1+4], 5, 51;
                atom.add.u64 %rd2, [%rd1+8], 10;
                mov.b32 %r2, 0x3f804000;
                red.global.add.noftz.bf16x2 [%rd1+16], %r2;
                }
                """, "test");
        device.launch(kernel, Grid.of(1, 32), 0, cells);
        assertThat(device.ints(cells, 6)).containsExactly(Float.floatToRawIntBits(17), 50, 326, 0, 0x42044282, 0);
    }

    @Test
    void initialValuesOfVariables() {
        var device = new Device();
        long out = device.upload(new int[5]);
        long kernel = device.kernel("variables", HEADER + """
                .const .align 4 .b8 bytes[8] = {1, 0, 0, 0, 2};
                .global .align 4 .u32 words[3] = {10, 0x14, -1};
                .global .align 8 .u64 pointer = words;
                .global .f32 real = 0f40000000;
                .visible .entry test(.param .u64 out) {
                .reg .b32 %r<9>; .reg .b64 %rd<9>;
                ld.param.u64 %rd1, [out];
                ld.const.u32 %r1, [bytes+4];
                st.global.u32 [%rd1], %r1;
                ld.global.u64 %rd2, [pointer];
                ld.global.u32 %r2, [%rd2+4];
                st.global.u32 [%rd1+4], %r2;
                ld.global.u32 %r3, [real];
                st.global.u32 [%rd1+8], %r3;
                ld.const.u32 %r4, [bytes+4];
                st.global.u32 [%rd1+12], %r4;
                ld.global.u32 %r5, [words+8];
                st.global.u32 [%rd1+16], %r5;
                ret;
                }
                """, "test");
        device.launch(kernel, Grid.of(1, 1), 0, out);
        assertThat(device.ints(out, 5)).containsExactly(2, 20, 0x40000000, 2, -1);
    }

    @Test
    void parametersCanBeReadThroughAnAddress() {
        var device = new Device();
        long out = device.upload(new int[4]);
        long kernel = device.kernel("parameters", HEADER + """
                .visible .entry test(.param .align 8 .b8 values[32], .param .u64 out) {
                .reg .b32 %r<9>; .reg .b64 %rd<9>;
                ld.param.u64 %rd1, [out];
                mov.u32 %r1, %tid.x;
                mov.b64 %rd2, values;
                mad.wide.u32 %rd3, %r1, 8, %rd2;
                ld.param.u32 %r2, [%rd3];
                cvta.param.u64 %rd4, %rd3;
                ld.u32 %r3, [%rd4];
                add.u32 %r3, %r3, %r2;
                mad.wide.u32 %rd5, %r1, 4, %rd1;
                st.global.u32 [%rd5], %r3;
                }
                """, "test");
        device.launch(kernel, Grid.of(1, 4), 0, 1L, 2L, 3L, 4L, out);
        assertThat(device.ints(out, 4)).containsExactly(2, 4, 6, 8);
        assertThatThrownBy(() -> device.launch(kernel, Grid.of(1, 5), 0, 1L, 2L, 3L, 4L, out)).isInstanceOf(KernelFault.class);
    }

    @Test
    void anAsyncCopyPadsWithZeros() {
        var device = new Device();
        long in = device.upload(1, 2, 3, 4, 5, 6, 7, 8);
        long out = device.empty(48);
        long kernel = device.kernel("copies", HEADER + """
                .visible .entry test(.param .u64 in, .param .u64 out) {
                .reg .b32 %r<20>; .reg .b64 %rd<9>; .reg .pred %p<3>;
                .shared .align 16 .b8 tile[48];
                ld.param.u64 %rd1, [in];
                ld.param.u64 %rd2, [out];
                mov.u32 %r1, tile;
                mov.u32 %r2, 8;
                setp.eq.u32 %p1, %r2, 8;
                cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;
                cp.async.ca.shared.global.L2::128B [%r1+16], [%rd1+16], 8;
                cp.async.ca.shared.global [%r1+24], [%rd1+4], 4;
                cp.async.ca.shared.global [%r1+28], [%rd1+4], 4, 0;
                cp.async.cg.shared.global [%r1+32], [%rd1+16], 16;
                cp.async.commit_group;
                cp.async.wait_all;
                ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r1];
                st.global.v4.u32 [%rd2], {%r4, %r5, %r6, %r7};
                ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r1+16];
                st.global.v4.u32 [%rd2+16], {%r4, %r5, %r6, %r7};
                ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r1+32];
                st.global.v4.u32 [%rd2+32], {%r4, %r5, %r6, %r7};
                }
                """, "test");
        device.launch(kernel, Grid.of(1, 1), 0, in, out);
        assertThat(device.ints(out, 12)).containsExactly(1, 2, 0, 0, 5, 6, 2, 0, 5, 6, 7, 8);
    }

    @Test
    void adjacentBytesMayBelongToDifferentThreads() {
        long[] results = Snippet.statements("""
                mov.u32 %r2, smem;
                add.u32 %r2, %r2, %r31;
                st.shared.u8 [%r2], %r31;
                bar.sync 0;
                xor.b32 %r4, %r31, 1;
                mov.u32 %r3, smem;
                add.u32 %r3, %r3, %r4;
                ld.shared.u8 %r0, [%r3];
                """, 'W', 64);
        for (int i = 0; i < 64; i++) {
            assertThat(results[i]).isEqualTo(i ^ 1);
        }
    }

    @Test
    void accessesBeyondParametersLocalAndSharedMemoryAreFaults() {
        assertThatThrownBy(() -> Snippet.statements(".local .align 4 .b8 depot[8]; mov.u64 %rd1, depot; ld.local.u32 %r0, [%rd1+8];", 'W', 1))
                .isInstanceOf(KernelFault.class).message().contains("reads 4 bytes of local memory at offset 8; a thread has 8");
        assertThatThrownBy(() -> Snippet.statements("mov.u32 %r1, 0; st.shared.u32 [%r1], %r1;", 'W', 1))
                .isInstanceOf(KernelFault.class).message().contains("writes 4 bytes of shared memory at offset -1,024; the block has 4,096");
        assertThatThrownBy(() -> Snippet.statements("mov.u32 %r1, smem; st.shared.u32 [%r1+2], %r1;", 'W', 1))
                .isInstanceOf(KernelFault.class).message().contains("shared memory at offset 2, which is no multiple of 4");
    }
}
