package kept.bench;

/**
 * A binding from Java to the CUDA driver and cuBLAS, as {@link NativeCallComparison} times it. Each implementation has its own stream, launches the
 * same empty kernel and multiplies the same square matrices.
 */
interface NativeCalls extends AutoCloseable {
    /** PTX of an empty kernel with four parameters. */
    String EMPTY_KERNEL = """
            .version 7.0
            .target sm_80
            .address_size 64

            .visible .entry empty(.param .u64 x, .param .u64 y, .param .u64 n, .param .f32 scale)
            {
                ret;
            }
            """;
    /** Entry point of the empty kernel. */
    String KERNEL_NAME = "empty";
    /** Value of every byte of the operands, which makes them bf16 numbers of about 0.01. */
    byte FILL_BYTE = 0x3c;

    /** Queues the empty kernel: one block of 32 threads. */
    void launch();

    /** Queues {@code c = a b} of bf16 matrices with f32 accumulation, by cublasGemmEx. */
    void multiply();

    /** Waits until the stream is empty. */
    void synchronize();

    @Override
    void close();
}
