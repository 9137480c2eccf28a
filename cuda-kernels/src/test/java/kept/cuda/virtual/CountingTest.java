package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import kept.cuda.driver.Grid;
import kept.cuda.driver.LaunchCounts;
import kept.cuda.driver.Pipe;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The counts of kernels whose accesses are known, each faulty one with a clean twin. */
class CountingTest {
    private static final String TEXT = """
            .version 7.0
            .target sm_80
            .address_size 64
            .visible .entry test(.param .u64 in) {
            .reg .pred %p<8>; .reg .b32 %r<40>; .reg .f32 %f<40>; .reg .b64 %rd<40>;
            .shared .align 16 .b8 smem[32768];
            mov.u32 %r1, %tid.x;
            ld.param.u64 %rd1, [in];
            """;

    private static LaunchCounts count(String statements, int threads) {
        var device = new Device();
        long kernel = device.kernel("counting", TEXT + statements + "ret;\n}\n", "test");
        long in = device.upload(new long[1 << 12]);
        device.driver.count(true);
        device.launch(kernel, Grid.of(1, threads), 0, in);
        List<LaunchCounts> counts = device.driver.takeCounts();
        assertThat(counts).hasSize(1);
        return counts.getFirst();
    }

    /** Neighbouring threads read words a number of words apart: one warp of 4 bytes each needs at least 4 sectors. */
    @ParameterizedTest
    @CsvSource({"1, 4", "2, 8", "8, 32", "32, 32", "0, 1"})
    void loadsOfScatteredWordsMoveMoreSectors(int stride, int sectors) {
        LaunchCounts counts = count("mul.lo.u32 %r2, %r1, " + 4 * stride + """
                ;
                cvt.u64.u32 %rd2, %r2;
                add.s64 %rd3, %rd1, %rd2;
                ld.global.u32 %r3, [%rd3];
                """, 32);
        assertThat(counts.bytesAsked()).isEqualTo(128);
        assertThat(counts.sectors()).isEqualTo(sectors);
        assertThat(counts.distinctSectors()).isEqualTo(sectors);
        assertThat(counts.wavefronts()).isZero();
    }

    /** Threads store a word each, a number of words apart: with an odd number every bank is used once. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 2, 1", "8, 8, 1", "32, 32, 1", "33, 1, 1", "0, 1, 1"})
    void bankConflictsCostWavefronts(int stride, int wavefronts, int least) {
        String statements = "mul.lo.u32 %r2, %r1, " + 4 * stride + ";\nmov.u32 %r4, smem;\nadd.u32 %r4, %r4, %r2;\n";
        if (stride == 0) {
            statements += "setp.eq.u32 %p1, %r1, 0;\n@%p1 st.shared.u32 [%r4], %r1;\nbar.sync 0;\nld.shared.u32 %r5, [%r4];\n";
            wavefronts++;
            least++;
        } else {
            statements += "st.shared.u32 [%r4], %r1;\n";
        }
        LaunchCounts counts = count(statements, 32);
        assertThat(counts.wavefronts()).isEqualTo(wavefronts);
        assertThat(counts.leastWavefronts()).isEqualTo(least);
        assertThat(counts.sectors()).isZero();
    }

    /** Accesses of 8 and 16 bytes take two and four turns; a stride of 48 bytes has no conflict in a quarter of a warp, one of 128 has eight. */
    @ParameterizedTest
    @CsvSource({"8, 8, 2, 2", "8, 16, 4, 2", "16, 16, 4, 4", "16, 48, 4, 4", "16, 128, 32, 4"})
    void wideAccessesTakeTurns(int bytes, int stride, int wavefronts, int least) {
        String vector = bytes == 8 ? "v2.u32 [%r4], {%r1, %r1}" : "v4.u32 [%r4], {%r1, %r1, %r1, %r1}";
        LaunchCounts counts = count("mul.lo.u32 %r2, %r1, " + stride + ";\nmov.u32 %r4, smem;\nadd.u32 %r4, %r4, %r2;\nst.shared." + vector + ";\n",
                32);
        assertThat(counts.wavefronts()).isEqualTo(wavefronts);
        assertThat(counts.leastWavefronts()).isEqualTo(least);
    }

    /** The rows of the four matrices of ldmatrix: 16 bytes apart without a conflict, 128 bytes apart all in the same banks. */
    @ParameterizedTest
    @CsvSource({"16, 4", "128, 32", "144, 4"})
    void ldmatrixReadsAMatrixInOneWavefront(int pitch, int wavefronts) {
        LaunchCounts counts = count("""
                mov.u32 %r4, smem;
                mad.lo.u32 %r5, %r1, 160, %r4;
                mov.u32 %r6, 0;
                L1:
                mad.lo.u32 %r7, %r6, 512, %r4;
                mad.lo.u32 %r7, %r1, 16, %r7;
                st.shared.v4.u32 [%r7], {%r1, %r1, %r1, %r1};
                add.u32 %r6, %r6, 1;
                setp.lt.u32 %p1, %r6, 10;
                @%p1 bra L1;
                bar.sync 0;
                """ + "mad.lo.u32 %r7, %r1, " + pitch + """
                , %r4;
                ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r7];
                """, 32);
        assertThat(counts.wavefronts() - 10 * 4).isEqualTo(wavefronts);
        assertThat(counts.leastWavefronts() - 10 * 4).isEqualTo(4);
    }

    @Test
    void productsOfTensorCoresAreCountedOnceForAWarp() {
        LaunchCounts counts = count("""
                mov.f32 %f1, 0f00000000;
                mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f2, %f3, %f4, %f5}, {%r1, %r1, %r1, %r1}, {%r1, %r1}, {%f1, %f1, %f1, %f1};
                """, 64);
        assertThat(counts.multiplyAdds()).isEqualTo(2 * 16 * 8 * 16);
        assertThat(counts.instructions()).containsEntry(Pipe.TENSOR, 2L);
    }

    /** Loads between two branches are one wait, in whatever order their values are used; with a barrier between them they are two. */
    @Test
    void waitsForLoadsAreCountedWhereTheirValuesAreUsed() {
        String loads = "ld.global.u32 %r3, [%rd1];\nBETWEENld.global.u32 %r4, [%rd1+64];\nadd.u32 %r5, %r3, %r4;\n";
        assertThat(count(loads.replace("BETWEEN", ""), 32).stalls()).isEqualTo(1);
        assertThat(count(loads.replace("BETWEEN", "add.u32 %r6, %r3, 1;\n"), 32).stalls()).isEqualTo(1);
        assertThat(count(loads.replace("BETWEEN", "add.u32 %r6, %r3, 1;\nbar.sync 0;\n"), 32).stalls()).isEqualTo(2);
    }

    @Test
    void instructionsAreCountedByPipe() {
        LaunchCounts counts = count("""
                mov.f32 %f1, 0f3f800000;
                fma.rn.f32 %f2, %f1, %f1, %f1;
                div.rn.f32 %f3, %f2, %f1;
                ex2.approx.ftz.f32 %f4, %f3;
                add.s64 %rd2, %rd1, 4;
                setp.gt.u32 %p1, %r1, 100;
                @%p1 fma.rn.f32 %f2, %f1, %f1, %f1;
                """, 64);
        assertThat(counts.instructions()).containsEntry(Pipe.FLOAT, 2L * (1 + 10 + 1)).containsEntry(Pipe.SPECIAL, 2L)
                .containsEntry(Pipe.INTEGER, 2L * (2 + 1)).containsEntry(Pipe.CONTROL, 2L).containsEntry(Pipe.MEMORY, 0L);
    }

    /** Divergent lanes that wait for each other at a barrier or a shuffle execute it once. */
    @Test
    void anInstructionThatWaitsForLanesIsCountedOnce() {
        LaunchCounts counts = count("""
                setp.lt.u32 %p1, %r1, 16;
                @%p1 bra L2;
                add.u32 %r2, %r1, 1;
                L2:
                shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;
                bar.sync 0;
                """, 32);
        assertThat(counts.instructions()).containsEntry(Pipe.WARP, 1L).containsEntry(Pipe.CONTROL, 3L);
    }

    @Test
    void nothingIsCountedUnlessAsked() {
        var device = new Device();
        long kernel = device.kernel("counting", TEXT + "ret;\n}\n", "test");
        device.launch(kernel, Grid.of(1, 32), 0, device.empty(8));
        assertThat(device.driver.takeCounts()).isEmpty();
        device.driver.count(true);
        device.launch(kernel, Grid.of(1, 32), 0, device.empty(8));
        device.driver.count(false);
        device.launch(kernel, Grid.of(1, 32), 0, device.empty(8));
        assertThat(device.driver.takeCounts()).hasSize(1);
        assertThat(device.driver.takeCounts()).isEmpty();
    }
}
