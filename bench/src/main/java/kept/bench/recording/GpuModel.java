package kept.bench.recording;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The figures of a GPU from which times are predicted.
 *
 * <p>Sources: NVIDIA's white papers on the A100 (2020), the H100 (2022) and Ada (2022), the H200 datasheet (2024), and the tables of technical
 * specifications and of arithmetic throughput of the CUDA C++ Programming Guide. The rates of copies and of matrix products are lower than those
 * of the datasheets: 4.3 TB/s and 790 TFLOP/s at 8192 cubed have been measured on an H200. The H100, the same chip with other memory, has the same
 * rate of products. The others are the datasheet's figures times 0.9 for copies (the H200's ratio), and 0.88 (A100) and 0.95 (RTX 4090, whose clock
 * does not drop) for products; they are assumptions. So are the rates of f64 products, 0.88 (RTX 4090: 0.95) of the datasheet's 67, 19.5 and 1.29
 * TFLOP/s.
 *
 * @param title name in texts
 * @param capability compute capability times 10
 * @param multiprocessors number of streaming multiprocessors
 * @param clock clock of the multiprocessors in Hz, from which the datasheet's rates of arithmetic follow
 * @param memoryBytes memory in bytes
 * @param l2Bytes L2 cache in bytes
 * @param bandwidth memory bandwidth of the datasheet in bytes per second
 * @param copyBandwidth bandwidth of a copy, reads and writes, in bytes per second
 * @param productRate large bf16 matrix products of cuBLAS in operations per second
 * @param floatProductRate large f32 matrix products of cuBLAS in operations per second
 * @param doubleProductRate large f64 matrix products of cuBLAS in operations per second: on tensor cores where the device has them for f64
 * @param warpProducts multiply-adds per clock and multiprocessor of {@code mma.sync} in bf16
 * @param sharedBytes shared memory of a multiprocessor in bytes
 * @param sharedBytesPerBlock most shared memory of a block in bytes
 * @param warps most resident warps of a multiprocessor
 * @param integerLanes 32-bit integer operations per clock and multiprocessor
 * @param doubleLanes f64 operations per clock and multiprocessor
 */
public record GpuModel(String title, int capability, int multiprocessors, double clock, long memoryBytes, long l2Bytes, double bandwidth,
        double copyBandwidth, double productRate, double floatProductRate, double doubleProductRate, double warpProducts, int sharedBytes,
        int sharedBytesPerBlock, int warps, int integerLanes, int doubleLanes) {
    private static final int KIB = 1024;
    /** Hopper's tensor cores do 2048 bf16 multiply-adds per clock, of which mma.sync reaches about 62 %; wgmma reaches all. */
    private static final double HOPPER_WARP_PRODUCTS = 0.62 * 2048;

    /** H200 SXM, 141 GB. */
    public static final GpuModel H200 = new GpuModel("H200", 90, 132, 1.83e9, 150_754_820_096L, 50L << 20, 4.8e12, 4.3e12, 790e12, 52e12, 59e12,
            HOPPER_WARP_PRODUCTS, 228 * KIB, 227 * KIB, 64, 64, 64);
    /** H100 SXM, 80 GB. */
    public static final GpuModel H100 = new GpuModel("H100", 90, 132, 1.83e9, 85_017_624_576L, 50L << 20, 3.35e12, 3.0e12, 790e12, 52e12, 59e12,
            HOPPER_WARP_PRODUCTS, 228 * KIB, 227 * KIB, 64, 64, 64);
    /** A100 SXM, 80 GB. */
    public static final GpuModel A100 = new GpuModel("A100-80GB", 80, 108, 1.41e9, 85_045_870_592L, 40L << 20, 2.039e12, 1.83e12, 275e12, 18e12,
            17e12, 1024, 164 * KIB, 163 * KIB, 64, 64, 32);
    /** GeForce RTX 4090, 24 GB. */
    public static final GpuModel RTX_4090 = new GpuModel("RTX 4090", 89, 128, 2.52e9, 25_393_692_672L, 72L << 20, 1.008e12, 0.91e12, 157e12, 65e12,
            1.2e12, 256, 100 * KIB, 99 * KIB, 48, 64, 2);

    /** The known GPUs. */
    public static final List<GpuModel> ALL = List.of(H200, H100, A100, RTX_4090);

    /**
     * Returns the name of the GPU in options.
     *
     * @return lower-case name without spaces, such as {@code rtx-4090}
     */
    public String label() {
        return title.toLowerCase(Locale.ROOT).replace(' ', '-');
    }

    /**
     * Finds the GPU of a device.
     *
     * @param description text with the driver's name of the device, such as {@code NVIDIA A100-SXM4-80GB}
     * @return the GPU, or nothing if the figures of this device are unknown
     */
    public static Optional<GpuModel> ofDevice(String description) {
        return ALL.stream().filter(model -> description.contains(model.title().replaceFirst("-80GB$", ""))).findFirst();
    }

    /**
     * Finds a GPU.
     *
     * @param label name in any case; {@code a100} stands for the one with 80 GB
     * @return the GPU, or nothing if the name is unknown
     */
    public static Optional<GpuModel> of(String label) {
        String wanted = label.toLowerCase(Locale.ROOT).replace(' ', '-');
        return ALL.stream().filter(model -> model.label().equals(wanted) || model.label().replaceFirst("-(80gb)$", "").equals(wanted)
                || model.label().replace("-", "").equals(wanted)).findFirst();
    }
}
