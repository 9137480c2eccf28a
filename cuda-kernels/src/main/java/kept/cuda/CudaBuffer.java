package kept.cuda;

import kept.backend.Buffer;

/**
 * A block of device memory from {@link CudaMemory}.
 *
 * @param address of the first byte
 * @param byteSize the usable size
 */
record CudaBuffer(long address, long byteSize) implements Buffer {}
