package kept.cuda;

import kept.backend.Buffer;

/**
 * A block of device memory from {@link CudaMemory}.
 *
 * @param address device address of the first byte
 * @param byteSize usable size in bytes
 */
record CudaBuffer(long address, long byteSize) implements Buffer {}
