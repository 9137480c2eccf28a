package kept.cuda;

import java.util.List;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.Device;

/**
 * Opens the CUDA backend on virtual GPUs of other sizes than that of the device {@code virtual}: {@code sized:0} has one multiprocessor,
 * {@code sized:1} has 132 and maps memory to reserved addresses, {@code sized:2} has 16 TiB of memory, of which this process has only what is
 * accessed, and {@code sized:3} has as little shared memory as an RTX 4090.
 */
public final class SizedCudaProvider implements BackendProvider {
    private static final long LARGE_BYTES = 1L << 44;
    /** So many that a block of a grid-stride loop takes few turns even of the largest operands. */
    private static final int MANY = 1 << 16;
    private static final List<VirtualGpu> GPUS = List.of(VirtualGpu.open().multiprocessors(1).varyingProducts(),
            VirtualGpu.open().multiprocessors(132).varyingProducts().mappingMemory(),
            VirtualGpu.open(LARGE_BYTES).multiprocessors(MANY),
            VirtualGpu.open().sharedMemory(VirtualAttentionTest.SMALL).varyingProducts());

    /** Called by {@link java.util.ServiceLoader}. */
    public SizedCudaProvider() {}

    /** Returns the device with one multiprocessor, on which loops over a grid take many turns. */
    static Device oneMultiprocessor() {
        return Device.of("sized:0");
    }

    /** Returns the device with 132 multiprocessors. */
    static Device manyMultiprocessors() {
        return Device.of("sized:1");
    }

    /** Returns the device with memory for operands that are too large to compute. */
    static Device large() {
        return Device.of("sized:2");
    }

    /** Returns the device with 99 KiB of shared memory per block. */
    static Device littleSharedMemory() {
        return Device.of("sized:3");
    }

    /** Returns the GPU of {@link #littleSharedMemory}. */
    static VirtualGpu littleSharedMemoryGpu() {
        return GPUS.getLast();
    }

    /** Returns the GPU of {@link #large}. */
    static VirtualGpu largeGpu() {
        return GPUS.get(2);
    }

    @Override
    public String name() {
        return "sized";
    }

    @Override
    public int count() {
        return GPUS.size();
    }

    @Override
    public Backend open(int index) {
        return new CudaBackend(GPUS.get(index).driver(), GPUS.get(index).blas(), 0);
    }
}
