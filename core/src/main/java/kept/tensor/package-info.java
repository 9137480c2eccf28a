/**
 * Tensors and what users do with them: {@link kept.tensor.Tensor} with its shape, element type and device, the {@link kept.tensor.Scope} that owns
 * its memory, and the public operations, one interface for each kind. The memory behind tensors, and the guard around every kernel that holds and
 * checks it ({@code GuardedBackend}, {@code KernelCall}), are package-private parts of the same package.
 *
 * <p>The operations with their gradients are in {@code kept.autograd.operation}, the kernels of devices behind {@code kept.backend}.
 *
 * <p><b>Threads.</b> On the CPU several threads may read one tensor at once, as an operand of recorded and unrecorded operations, if none writes its
 * memory, differentiates through it or closes the scope that owns it meanwhile. Each thread opens a scope of its own, which owns the tensors that the
 * thread creates. Recording is switched off for one thread at a time ({@link kept.autograd.Autograd#withoutRecording}).
 */
package kept.tensor;
