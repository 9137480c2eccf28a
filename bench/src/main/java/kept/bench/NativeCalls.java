package kept.bench;

/**
 * One way from Java to the CUDA driver and cuBLAS, on a stream of its own: what {@link NativeCallRace} times. Each launches the same empty kernel,
 * and multiplies the same square matrices.
 */
interface NativeCalls extends AutoCloseable {
    /** A kernel of four arguments that does nothing. */
    String EMPTY_KERNEL = """
            .version 7.0
            .target sm_80
            .address_size 64

            .visible .entry empty(.param .u64 x, .param .u64 y, .param .u64 n, .param .f32 scale)
            {
                ret;
            }
            """;
    /** The name of that kernel. */
    String KERNEL_NAME = "empty";
    /** What every byte of the operands is: bf16 numbers of about 0.01. */
    byte FILLING = 0x3c;

    /** Queues the empty kernel: one block of 32 threads. */
    void launch();

    /** Queues {@code c = a b} of bf16 matrices, summed in f32, by cublasGemmEx. */
    void multiply();

    /** Waits for what is queued. */
    void synchronize();

    @Override
    void close();
}
