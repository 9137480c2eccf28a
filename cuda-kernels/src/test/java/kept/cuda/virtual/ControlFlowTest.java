package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;

class ControlFlowTest {
    @Test
    void divergentLanesReconverge() {
        long[] results = Snippet.statements("""
                mov.u32 %r0, 0;
                and.b32 %r1, %r31, 1;
                setp.eq.s32 %p1, %r1, 0;
                @%p1 bra EVEN;
                add.u32 %r0, %r0, 100;
                bra.uni JOIN;
                EVEN: add.u32 %r0, %r0, 200;
                JOIN: activemask.b32 %r2;
                popc.b32 %r2, %r2;
                add.u32 %r0, %r0, %r2;
                """, 'W', 32);
        for (int i = 0; i < 32; i++) {
            assertThat(results[i]).isEqualTo((i % 2 == 0 ? 200 : 100) + 32);
        }
    }

    @Test
    void eachLaneHasItsOwnTripCount() {
        long[] results = Snippet.statements("""
                mov.u32 %r0, 0;
                mov.u32 %r1, %r31;
                LOOP: setp.eq.u32 %p1, %r1, 0;
                @%p1 bra DONE;
                mov.u32 %r2, %r1;
                INNER: add.u32 %r0, %r0, 1;
                sub.u32 %r2, %r2, 1;
                setp.ne.u32 %p2, %r2, 0;
                @%p2 bra INNER;
                sub.u32 %r1, %r1, 1;
                bra.uni LOOP;
                DONE:
                """, 'W', 70);
        for (int i = 0; i < 70; i++) {
            assertThat(results[i]).isEqualTo(i * (i + 1) / 2);
        }
    }

    @Test
    void aBranchByIndexSendsEachLaneToItsTarget() {
        long[] results = Snippet.statements("""
                and.b32 %r1, %r31, 3;
                targets: .branchtargets A, B, C, B;
                brx.idx %r1, targets;
                A: mov.u32 %r0, 1; bra.uni JOIN;
                B: mov.u32 %r0, 2; bra.uni JOIN;
                C: mov.u32 %r0, 3;
                JOIN:
                """, 'W', 8);
        assertThat(results).containsExactly(1, 2, 3, 2, 1, 2, 3, 2);
    }

    @Test
    void namesOfInnerScopesHideOuterOnes() {
        long[] results = Snippet.statements("""
                mov.u32 %r1, 1;
                mov.u32 %r0, 0;
                {
                    .reg .b32 %r1;
                    .reg .pred p;
                    mov.u32 %r1, 5;
                    AGAIN: add.u32 %r0, %r0, %r1;
                    setp.lt.u32 p, %r0, 15;
                    @p bra AGAIN;
                    { .reg .b32 t; mov.b32 t, 100; add.u32 %r0, %r0, t; }
                }
                {
                    .reg .pred p;
                    AGAIN: add.u32 %r0, %r0, 1000;
                    setp.lt.u32 p, %r0, 3000;
                    @p bra AGAIN;
                }
                add.u32 %r0, %r0, %r1;
                """, 'W', 2);
        assertThat(results).containsExactly(3116, 3116);
    }

    @Test
    void calledFunctionsHaveTheirOwnRegisters() {
        var device = new Device();
        long out = device.upload(new int[4]);
        long kernel = device.kernel("calls", """
                .version 7.0
                .target sm_80
                .address_size 64
                .func (.param .b32 result) twice(.param .b32 a, .param .b32 limit) {
                    .reg .b32 %r<5>; .reg .pred %p<2>;
                    ld.param.u32 %r1, [a];
                    ld.param.u32 %r2, [limit];
                    setp.ge.u32 %p1, %r1, %r2;
                    @%p1 bra LARGE;
                    add.u32 %r3, %r1, %r1;
                    st.param.u32 [result+0], %r3;
                    ret;
                    LARGE: st.param.u32 [result+0], %r2;
                    ret;
                }
                .func (.param .b32 result) fourTimes(.param .b32 a) {
                    .reg .b32 %r<5>;
                    ld.param.u32 %r1, [a];
                    { .param .b32 p0; .param .b32 p1; .param .b32 r0;
                    st.param.b32 [p0+0], %r1; st.param.b32 [p1], 1000;
                    call.uni (r0), twice, (p0, p1);
                    ld.param.b32 %r2, [r0+0]; }
                    { .param .b32 p0; .param .b32 p1; .param .b32 r0;
                    st.param.b32 [p0+0], %r2; st.param.b32 [p1], 6;
                    call.uni (r0), twice, (p0, p1);
                    ld.param.b32 %r3, [r0+0]; }
                    st.param.b32 [result], %r3;
                    ret;
                }
                .visible .entry test(.param .u64 out) {
                    .reg .b32 %r<5>; .reg .b64 %rd<5>;
                    ld.param.u64 %rd1, [out];
                    mov.u32 %r1, %tid.x;
                    { .param .b32 p0; .param .b32 r0;
                    st.param.b32 [p0], %r1;
                    call.uni (r0), fourTimes, (p0);
                    ld.param.b32 %r2, [r0]; }
                    add.u32 %r2, %r2, %r1;
                    mad.wide.u32 %rd2, %r1, 4, %rd1;
                    st.global.u32 [%rd2], %r2;
                    ret;
                }
                """, "test");
        device.launch(kernel, Grid.of(1, 4), 0, out);
        assertThat(device.ints(out, 4)).containsExactly(0, 5, 2 + 8, 3 + 6);
    }

    @Test
    void specialRegistersIdentifyTheThread() {
        var device = new Device();
        int threads = 2 * 3 * 2 * 8 * 5;
        long out = device.empty(4L * threads);
        long kernel = device.kernel("who", """
                .version 7.0
                .target sm_80
                .address_size 64
                .visible .entry test(.param .u64 out) {
                    .reg .b32 %r<30>; .reg .b64 %rd<5>;
                    ld.param.u64 %rd1, [out];
                    mov.u32 %r1, %ctaid.z; mov.u32 %r2, %nctaid.y; mov.u32 %r3, %ctaid.y; mov.u32 %r4, %nctaid.x; mov.u32 %r5, %ctaid.x;
                    mov.u32 %r6, %ntid.y; mov.u32 %r7, %tid.y; mov.u32 %r8, %ntid.x; mov.u32 %r9, %tid.x;
                    mad.lo.u32 %r10, %r1, %r2, %r3;
                    mad.lo.u32 %r10, %r10, %r4, %r5;
                    mad.lo.u32 %r10, %r10, %r6, %r7;
                    mad.lo.u32 %r10, %r10, %r8, %r9;
                    mov.u32 %r11, %laneid; mov.u32 %r12, %warpid;
                    mad.lo.u32 %r12, %r12, 32, %r11;
                    mad.lo.u32 %r13, %r10, 100, %r12;
                    mad.wide.u32 %rd2, %r10, 4, %rd1;
                    st.global.u32 [%rd2], %r13;
                }
                """, "test");
        device.launch(kernel, new Grid(2, 3, 2, 8, 5), 0, out);
        int[] values = device.ints(out, threads);
        for (int i = 0; i < threads; i++) {
            assertThat(values[i]).isEqualTo(100 * i + i % 40);
        }
    }

    @Test
    void aTrapIsAFault() {
        assertThatThrownBy(() -> Snippet.statements("setp.eq.u32 %p1, %r31, 7; @%p1 trap; mov.u32 %r0, 0;", 'W', 32)).isInstanceOf(KernelFault.class)
                .message().contains("kernel test, snippet.ptx:", "`setp.eq.u32 %p1, %r31, 7; @%p1 trap;", "thread (7,0,0): runs into a trap");
    }

    @Test
    void barriersDoNotWaitForExitedThreads() {
        long[] results = Snippet.statements("""
                setp.ge.u32 %p1, %r31, 40;
                mov.u32 %r0, 1;
                @%p1 bra DONE;
                bar.sync 0;
                mov.u32 %r0, 2;
                DONE:
                """.replace("@%p1 bra DONE;", "@%p1 exit;"), 'W', 64);
        assertThat(Arrays.copyOf(results, 40)).containsOnly(2);
        assertThat(Arrays.copyOfRange(results, 40, 64)).containsOnly(0);
    }
}
