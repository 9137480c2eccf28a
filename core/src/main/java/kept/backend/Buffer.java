package kept.backend;

/** A block of device memory, made and taken back by its {@link Backend}. What lies behind it is the backend's own affair. */
public interface Buffer {
    /**
     * The usable size.
     *
     * @return bytes
     */
    long byteSize();
}
