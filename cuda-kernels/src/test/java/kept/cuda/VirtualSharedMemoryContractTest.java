package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.backend.AttentionContract;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Grid;
import kept.tensor.Device;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Attention on a GPU that gives a block at most 99 KiB of shared memory, as compute capability 8.6 and 8.9 (RTX 4090). */
class VirtualSharedMemoryContractTest extends AttentionContract {
    @Override
    protected Device device() {
        return SizedCudaProvider.littleSharedMemory();
    }

    @Override
    protected boolean isSlow() {
        return VirtualCudaProvider.isSlow();
    }

    @AfterAll
    static void theSmallerTilesHaveRun() {
        assertThat(SizedCudaProvider.littleSharedMemoryGpu().kernels()).contains("attention_dkv_128_warps_4_bf16", "attention_dq_128_warps_4_bf16",
                "attention_dkv_64_warps_8_bf16").doesNotContain("attention_dkv_128_warps_8_bf16", "attention_dq_128_warps_8_bf16");
    }

    @Test
    void aLaunchWithMoreSharedMemoryIsRefused() {
        Gpu gpu = ((CudaBackend) device().backend().unguarded()).gpu();
        assertThatThrownBy(() -> gpu.launch("attention_128", "attention_dkv_128_warps_8_bf16", Grid.of(1, 256), 129 << 10))
                .isInstanceOf(CudaException.class).hasMessageContaining("%d are the most", 99 << 10);
    }
}
