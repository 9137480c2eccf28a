/**
 * A virtual GPU for tests: an interpreter of the project's PTX with checks that hardware does not make.
 *
 * <p>{@link kept.cuda.virtual.VirtualGpu} is the entry point. {@link kept.cuda.virtual.PtxParser} parses PTX into a {@link
 * kept.cuda.virtual.PtxModule}, {@link kept.cuda.virtual.Decoder} translates a kernel to {@link kept.cuda.virtual.Instruction}s once, and a {@link
 * kept.cuda.virtual.Block} of {@link kept.cuda.virtual.Warp}s executes them, each for all active lanes of a warp at a time. {@link
 * kept.cuda.virtual.DeviceMemory} and {@link kept.cuda.virtual.SharedMemory} hold the bytes and record which were written, by whom and when.
 * Undefined or invalid behaviour of a kernel throws a {@link kept.cuda.virtual.KernelFault}.
 */
package kept.cuda.virtual;
