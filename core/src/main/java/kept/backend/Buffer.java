package kept.backend;

/** A block of device memory, allocated and released by its {@link Backend}, which alone knows its implementation. */
public interface Buffer {
    /**
     * The usable size.
     *
     * @return bytes
     */
    long byteSize();
}
