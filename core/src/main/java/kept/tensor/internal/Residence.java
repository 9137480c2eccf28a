package kept.tensor.internal;

/**
 * Where the elements of a tensor are while they are not in its memory: in other processes, for instance. It lends the tensor memory when an operation
 * {@linkplain #use uses} it, and may withdraw the memory when no kernel does.
 */
public interface Residence {
    /** Called before each use of the elements, by kernels and others. The tensor has {@linkplain TensorInternals#lend memory} afterwards. */
    void use();

    /** Called after each write to the memory. */
    void written();
}
