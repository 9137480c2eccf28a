/**
 * Tensors and what users do with them: {@link kept.tensor.Tensor} with its shape, element type and device, the {@link kept.tensor.Scope} that owns
 * its memory, and the public operations, one interface for each kind.
 *
 * <p>How an operation passes gradients back lives in {@code kept.autograd.operation}; how a device computes it, behind {@code kept.backend}.
 *
 * <p><b>Threads.</b> On the CPU several threads may read one tensor at once, as an operand of recorded and unrecorded operations, if none writes its
 * memory, differentiates through it or closes the scope that owns it meanwhile. What a thread makes belongs to a scope of its own. Whether operations
 * are recorded ({@link kept.autograd.Autograd#withoutRecording}) is each thread's own matter.
 */
package kept.tensor;
