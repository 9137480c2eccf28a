/**
 * A virtual GPU for tests: runs the project's PTX instruction by instruction, with checks that silicon does not make.
 *
 * <p>{@link kept.cuda.virtual.VirtualGpu} is the entrance. {@link kept.cuda.virtual.PtxParser} reads PTX into a {@link
 * kept.cuda.virtual.PtxModule}, {@link kept.cuda.virtual.Decoder} makes {@link kept.cuda.virtual.Instruction}s of a kernel once, and a {@link
 * kept.cuda.virtual.Block} of {@link kept.cuda.virtual.Warp}s runs them, each for all lanes of a warp at a time. {@link
 * kept.cuda.virtual.DeviceMemory} and {@link kept.cuda.virtual.SharedMemory} hold the bytes and know which were written, by whom and when. What a
 * kernel must not do is a {@link kept.cuda.virtual.KernelFault}.
 */
package kept.cuda.virtual;
