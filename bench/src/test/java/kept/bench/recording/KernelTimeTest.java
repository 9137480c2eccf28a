package kept.bench.recording;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import kept.cuda.driver.Grid;
import org.junit.jupiter.api.Test;

/** Occupancy, against numbers from NVIDIA's rules: registers are given to a warp in units of 256. */
class KernelTimeTest {
    private static double resident(String kernel, int threads, int sharedBytes, GpuModel gpu) {
        var arguments = Arguments.copyOf(MemorySegment.ofArray(new byte[8]));
        return KernelTime.resident(new Recording.Launch(kernel, new Grid(1000, 1, 1, threads, 1), sharedBytes, arguments), gpu);
    }

    @Test
    void registersLimitTheBlocksOfAMultiprocessor() {
        assertThat(Registers.blocks(32, 1024)).isEqualTo(2);
        assertThat(Registers.blocks(33, 1024)).isEqualTo(1);
        assertThat(Registers.blocks(64, 256)).isEqualTo(4);
        assertThat(Registers.blocks(96, 320)).isEqualTo(2);
        assertThat(Registers.blocks(97, 320)).isEqualTo(1);
        assertThat(Registers.blocks(255, 128)).isEqualTo(2);
        // The kernel is limited to 96 registers, so that two blocks are resident.
        assertThat(resident("add_rms_norm_gradient_f32", 320, 0, GpuModel.H200)).isEqualTo(2);
        assertThat(resident("attention_128_bf16", 128, 64 << 10, GpuModel.H200)).isEqualTo(2);
    }

    @Test
    void warpsBlocksAndSharedMemoryLimitThemToo() {
        assertThat(resident("add_f32", 256, 0, GpuModel.H200)).isEqualTo(8);
        assertThat(resident("add_f32", 256, 0, GpuModel.RTX_4090)).isEqualTo(6);
        assertThat(resident("add_f32", 32, 0, GpuModel.H200)).isEqualTo(32);
        assertThat(resident("add_f32", 256, 100 << 10, GpuModel.H200)).isEqualTo(2);
    }

    @Test
    void aKernelWithoutRegistersIsNamed() {
        assertThatThrownBy(() -> resident("no_such_kernel", 32, 0, GpuModel.A100)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no_such_kernel").hasMessageContaining(Registers.FILE);
    }
}
