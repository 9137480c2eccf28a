package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WarpInstructionsTest {
    private static void lanes(String statements, IntUnaryOperator expected) {
        long[] results = Snippet.statements(statements, 'W', 32);
        for (int lane = 0; lane < 32; lane++) {
            assertThat((int) results[lane]).describedAs("lane %d", lane).isEqualTo(expected.applyAsInt(lane));
        }
    }

    @Test
    void shufflesReadTheSourceLaneOrKeepTheirValueOutOfRange() {
        String source = "mul.lo.s32 %r1, %r31, 10; ";
        lanes(source + "shfl.sync.bfly.b32 %r0|%p1, %r1, 5, 31, -1;", lane -> 10 * (lane ^ 5));
        lanes(source + "shfl.sync.down.b32 %r0, %r1, 3, 31, -1;", lane -> 10 * (lane + 3 < 32 ? lane + 3 : lane));
        lanes(source + "shfl.sync.up.b32 %r0, %r1, 3, 0, -1;", lane -> 10 * (lane >= 3 ? lane - 3 : lane));
        lanes(source + "shfl.sync.idx.b32 %r0, %r1, 7, 31, -1;", lane -> 70);
        // Width 8: the upper five bits of the third operand hold 32 - 8.
        lanes(source + "shfl.sync.idx.b32 %r0, %r1, 11, 0x181f, -1;", lane -> 10 * (lane / 8 * 8 + 3));
        lanes(source + "shfl.sync.down.b32 %r0, %r1, 3, 0x181f, -1;", lane -> 10 * (lane % 8 + 3 < 8 ? lane + 3 : lane));
        lanes(source + "shfl.sync.up.b32 %r0, %r1, 3, 0x1800, -1;", lane -> 10 * (lane % 8 >= 3 ? lane - 3 : lane));
    }

    @Test
    void theSecondResultIsTrueIfTheLaneIsInRange() {
        lanes("shfl.sync.down.b32 %r1|%p1, %r31, 4, 31, -1; selp.u32 %r0, 1, 0, %p1;", lane -> lane + 4 < 32 ? 1 : 0);
        lanes("shfl.sync.up.b32 _|%p1, %r31, 4, 0, -1; selp.u32 %r0, 1, 0, %p1;", lane -> lane >= 4 ? 1 : 0);
    }

    @Test
    void votesCountLanes() {
        String odd = "and.b32 %r1, %r31, 1; setp.ne.s32 %p1, %r1, 0; ";
        lanes(odd + "vote.sync.ballot.b32 %r0, %p1, -1;", lane -> 0xaaaaaaaa);
        lanes(odd + "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r0, 1, 0, %p2;", lane -> 1);
        lanes(odd + "vote.sync.all.pred %p2, %p1, -1; selp.u32 %r0, 1, 0, %p2;", lane -> 0);
        lanes(odd + "vote.sync.all.pred %p2, !%p1, -1; selp.u32 %r0, 1, 0, %p2;", lane -> 0);
        lanes("setp.ge.u32 %p1, %r31, 0; vote.sync.uni.pred %p2, %p1, -1; selp.u32 %r0, 1, 0, %p2;", lane -> 1);
        lanes("activemask.b32 %r0;", lane -> -1);
    }

    @Test
    void matchesFindEqualLanes() {
        lanes("and.b32 %r1, %r31, 3; match.any.sync.b32 %r0, %r1, -1;", lane -> 0x11111111 << (lane & 3));
        lanes("and.b32 %r1, %r31, 3; match.all.sync.b32 %r0|%p1, %r1, -1;", lane -> 0);
        lanes("mov.u64 %rd1, 7; match.all.sync.b64 %r0|%p1, %rd1, -1; @!%p1 mov.u32 %r0, 5;", lane -> -1);
    }

    @ParameterizedTest
    @CsvSource({"add.s32, 496", "min.u32, 0", "max.s32, 31", "and.b32, 0", "or.b32, 31", "xor.b32, 0"})
    void reductionsOverTheWarp(String operation, int expected) {
        lanes("redux.sync." + operation + " %r0, %r31, -1;", _ -> expected);
    }

    @Test
    void lanesWaitForEachOtherOnBothSidesOfABranch() {
        // The lanes of the second branch arrive later; the shuffle after it needs all.
        lanes("""
                setp.lt.u32 %p1, %r31, 10;
                @%p1 bra LOW;
                mul.lo.s32 %r1, %r31, 100;
                bra.uni JOIN;
                LOW: mov.u32 %r1, %r31;
                JOIN: shfl.sync.idx.b32 %r0, %r1, 20, 31, -1;
                """, _ -> 2000);
        // The target of the waiting lanes precedes the others.
        lanes("""
                setp.lt.u32 %p1, %r31, 10;
                @%p1 bra FAR;
                JOIN: shfl.sync.idx.b32 %r0, %r31, 5, 31, -1;
                bra.uni DONE;
                FAR: add.u32 %r2, %r31, 1;
                bra.uni JOIN;
                DONE: add.u32 %r0, %r0, 1;
                """, _ -> 6);
    }

    @Test
    void aPartOfAWarpCanRunCollectives() {
        lanes("""
                mov.u32 %r0, 0;
                setp.lt.u32 %p1, %r31, 8;
                @!%p1 bra DONE;
                shfl.sync.bfly.b32 %r0, %r31, 1, 31, 0xff;
                DONE: add.u32 %r0, %r0, 1;
                """, lane -> (lane < 8 ? lane ^ 1 : 0) + 1);
        lanes("""
                mov.u32 %r1, 0xffff;
                setp.lt.u32 %p1, %r31, 16;
                @!%p1 shl.b32 %r1, %r1, 16;
                redux.sync.add.u32 %r0, %r31, %r1;
                """, lane -> lane < 16 ? 120 : 376);
    }

    @Test
    void theMaskOfAShuffleMustNotNameMissingLanes() {
        assertThatThrownBy(() -> Snippet.statements("shfl.sync.bfly.b32 %r0, %r31, 1, 31, -1;", 'W', 20)).isInstanceOf(KernelFault.class)
                .message().contains("0xffffffff in its mask, of which 0xfff00000 do not exist or have exited");
        assertThatThrownBy(() -> Snippet.statements("shfl.sync.bfly.b32 %r0, %r31, 1, 31, 1;", 'W', 32)).isInstanceOf(KernelFault.class)
                .message().contains("thread (1,0,0): is not in its own mask 0x00000001");
    }

    @Test
    void barriersCountAndCombine() {
        String odd = "and.b32 %r1, %r31, 1; setp.ne.s32 %p1, %r1, 0; ";
        assertThat(Snippet.statements(odd + "bar.red.popc.u32 %r0, 0, %p1;", 'W', 96)).containsOnly(48);
        assertThat(Snippet.statements(odd + "bar.red.or.pred %p0, 0, %p1;", 'P', 96)).containsOnly(1);
        assertThat(Snippet.statements(odd + "barrier.sync 1; barrier.red.and.pred %p0, 2, 96, %p1;", 'P', 96)).containsOnly(0);
    }

    @Test
    void namedBarriersSynchroniseProducerAndConsumer() {
        // Warp 0 stores and arrives; warp 1 waits for 64 threads, then reads.
        long[] results = Snippet.statements("""
                shl.b32 %r2, %r31, 2;
                and.b32 %r2, %r2, 127;
                mov.u32 %r3, smem;
                add.u32 %r3, %r3, %r2;
                setp.lt.u32 %p1, %r31, 32;
                @!%p1 bra USE;
                st.shared.u32 [%r3], %r31;
                bar.arrive 3, 64;
                mov.u32 %r0, 7;
                bra.uni DONE;
                USE: bar.sync 3, 64;
                ld.shared.u32 %r0, [%r3];
                DONE: add.u32 %r0, %r0, 1;
                """, 'W', 64);
        for (int i = 0; i < 64; i++) {
            assertThat(results[i]).isEqualTo(i < 32 ? 8 : i - 31);
        }
    }

    @Test
    void twoHalvesOfAWarpSynchroniseIndependently() {
        String statements = """
                shl.b32 %%r2, %%r31, 2;
                mov.u32 %%r3, smem;
                add.u32 %%r3, %%r3, %%r2;
                st.shared.u32 [%%r3], %%r31;
                setp.lt.u32 %%p1, %%r31, 16;
                selp.b32 %%r4, 0xffff, 0xffff0000, %%p1;
                bar.warp.sync %%r4;
                xor.b32 %%r5, %%r2, %d;
                mov.u32 %%r6, smem;
                add.u32 %%r6, %%r6, %%r5;
                ld.shared.u32 %%r0, [%%r6];
                """;
        lanes(statements.formatted(4 * 3), lane -> lane ^ 3);
        assertThatThrownBy(() -> Snippet.statements(statements.formatted(4 * 16), 'W', 32)).isInstanceOf(KernelFault.class)
                .message().contains("with no barrier between: a race");
    }
}
