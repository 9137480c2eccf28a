/**
 * The CPU backend: kernels on the Vector API, matrix products, attention, the pool of worker threads they run on, and the pool of memory with its
 * limit. One kernel is machine code, for an instruction that the Vector API lacks ({@code Bf16Gemm}), where the property {@code kept.cpu.native} asks
 * for it.
 *
 * <p>The kernels trust that operands have been checked: operations check shapes and types before they call a device. No other package uses the
 * incubating Vector API.
 *
 * <p>Results have the same bits for any number of threads, compiled or interpreted: sums are divided by shape and have a fixed order.
 */
package kept.backend.cpu;
