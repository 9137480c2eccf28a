/**
 * The CPU backend: kernels on the Vector API, matrix products, attention, and the pool of worker threads they run on.
 *
 * <p>Kernels work on plain memory, offsets and strides. What a tensor or an operation is, and which shapes go together, lives above. Nothing
 * else in the library touches the incubating Vector API.
 *
 * <p>Results have the same bits for any number of threads, compiled or interpreted: sums are divided by shape and have a fixed
 * order.
 */
package kept.backend.cpu;
