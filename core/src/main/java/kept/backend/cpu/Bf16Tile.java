package kept.backend.cpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;

/**
 * The tile of products of bf16 numbers, in machine code: C = A B or C += A B with {@code vdpbf16ps} of AVX512-BF16, which the Vector API does not
 * have and which multiplies two pairs of numbers where an f32 instruction multiplies one.
 *
 * <pre>
 *              b: 2 vectors of pairs               for each pair of k
 *              [ b0      | b1      ]                   b0, b1     = b[pair, :]
 *   a: [pair0] [ c00     | c01     ]                   c_r0, c_r1 += both products of a[r, pair] and b0, b1
 *      [pair1] [ c10     | c11     ]
 *       ...      ...
 * </pre>
 *
 * <p>An element of C is one chain of these instructions in ascending k, which round to nearest even and take subnormal numbers as zero.
 */
final class Bf16Tile implements Bf16Gemm.Tile {
    private static final int ROWS = Bf16Gemm.ROWS;
    private static final int VECTOR_BYTES = 64;
    /** The registers after the sums: two for B, two for A. */
    private static final int B = 2 * ROWS;
    private static final int A = B + 2;
    private static final FunctionDescriptor CPUID = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    /** A, B, the number of pairs, C and the distance between its rows in bytes. */
    private static final FunctionDescriptor TILE = FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    /** For each number of rows, the functions for C = A B and C += A B. */
    private final MethodHandle[] assigning = new MethodHandle[ROWS + 1];
    private final MethodHandle[] adding = new MethodHandle[ROWS + 1];

    private Bf16Tile(MemorySegment code, int[] starts) {
        for (int rows = 1; rows <= ROWS; rows++) {
            assigning[rows] = function(code, starts[2 * rows], TILE);
            adding[rows] = function(code, starts[2 * rows + 1], TILE);
        }
    }

    /**
     * Writes the code.
     *
     * @return the tile; empty if the processor, the JVM's vectors or the system's rules do not allow it
     */
    static Optional<Bf16Tile> create() {
        boolean possible = VectorMath.SPECIES.vectorBitSize() == 8 * VECTOR_BYTES && "amd64".equals(System.getProperty("os.arch"))
                && System.getProperty("os.name").toLowerCase(Locale.ROOT).equals("linux");
        if (!possible) {
            return Optional.empty();
        }
        Avx512Code code = new Avx512Code();
        code.cpuid();
        int[] starts = new int[2 * ROWS + 2];
        for (int i = 2; i < starts.length; i++) {
            starts[i] = code.here();
            write(code, i / 2, i % 2 == 1);
        }
        return SystemMemory.executable(code.bytes()).filter(Bf16Tile::processorHasIt).map(page -> new Bf16Tile(page, starts));
    }

    /** CPUID's leaf 7, subleaf 1, bit 5. That the system saves vectors of 512 bits is known from the JVM's use of them. */
    private static boolean processorHasIt(MemorySegment code) {
        MethodHandle cpuid = function(code, 0, CPUID);
        try {
            int leaves = (int) cpuid.invokeExact(0, 0);
            int features = leaves < 7 ? 0 : (int) cpuid.invokeExact(7, 1);
            return (features >> 5 & 1) == 1;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static void write(Avx512Code code, int rows, boolean add) {
        if (add) {
            // The rows of C are addressed one after another; then the address goes back.
            for (int row = 0; row < rows; row++) {
                code.load(2 * row, Avx512Code.RCX, 0);
                code.load(2 * row + 1, Avx512Code.RCX, VECTOR_BYTES);
                code.add(Avx512Code.RCX, Avx512Code.R8);
            }
            for (int row = 0; row < rows; row++) {
                code.subtract(Avx512Code.RCX, Avx512Code.R8);
            }
        } else {
            for (int sum = 0; sum < 2 * rows; sum++) {
                code.zero(sum);
            }
        }
        int loop = code.here();
        code.load(B, Avx512Code.RSI, 0);
        code.load(B + 1, Avx512Code.RSI, VECTOR_BYTES);
        for (int row = 0; row < rows; row++) {
            int a = A + row % 2;
            code.broadcast(a, Avx512Code.RDI, row * Bf16Gemm.ROW_BYTES);
            code.addProductsOfPairs(2 * row, a, B);
            code.addProductsOfPairs(2 * row + 1, a, B + 1);
        }
        code.add(Avx512Code.RDI, (long) Integer.BYTES);
        code.add(Avx512Code.RSI, 2L * VECTOR_BYTES);
        code.add(Avx512Code.RDX, -1L);
        code.jumpIfNotZero(loop);
        for (int row = 0; row < rows; row++) {
            code.store(2 * row, Avx512Code.RCX, 0);
            code.store(2 * row + 1, Avx512Code.RCX, VECTOR_BYTES);
            code.add(Avx512Code.RCX, Avx512Code.R8);
        }
        code.leave();
    }

    /** A function that neither blocks nor calls back, and takes Java arrays as memory. */
    @SuppressWarnings("restricted")
    private static MethodHandle function(MemorySegment code, int start, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(code.asSlice(start), type, Linker.Option.critical(true));
    }

    @Override
    public void multiply(int rows, long a, MemorySegment b, int pairs, long c, long cStride, boolean add) {
        try {
            (add ? adding : assigning)[rows].invokeExact(a, b, (long) pairs, c, cStride);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
