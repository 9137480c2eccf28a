package kept.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.regex.Pattern;
import kept.backend.TensorMemory;
import kept.linalg.DoubleMatrix;
import kept.tensor.Tensor;

/**
 * The peer of products and least squares: OpenBLAS, with as many threads as this library, on the same memory. {@code bin/bench} downloads it; without
 * it {@link #open} fails.
 *
 * <p>Matrices are stored by rows, as CBLAS takes them. LAPACK takes them by columns: to it an upper triangle is a lower one.
 */
final class OpenBlas {
    /** System property with the directory of the library. */
    static final String PROPERTY = "kept.bench.openblas";

    private static final Pattern LIBRARY = Pattern.compile("libopenblas[.].*");
    private static final MemoryLayout INT = ValueLayout.JAVA_INT;
    private static final MemoryLayout FLOAT = ValueLayout.JAVA_FLOAT;
    private static final MemoryLayout DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final MemoryLayout POINTER = ValueLayout.ADDRESS;
    /** The longest text that a function returns, in bytes. */
    private static final long LONGEST_TEXT = 1024;

    private static final int BY_ROWS = 101;
    private static final int NOT_TRANSPOSED = 111;
    private static final int TRANSPOSED = 112;
    private static final int UPPER = 121;
    private static final int NOT_UNIT = 131;
    private static final int LEFT = 141;

    private static OpenBlas instance;

    private final NativeLibrary library;

    private OpenBlas(NativeLibrary library) {
        this.library = library;
        NativeLibrary.call(library.function("openblas_set_num_threads", FunctionDescriptor.ofVoid(INT)), Threads.count());
    }

    /**
     * Loads OpenBLAS at the first call.
     *
     * @throws IllegalStateException if it is not there or cannot be loaded; the message names the reason
     */
    static synchronized OpenBlas open() {
        if (instance == null) {
            instance = new OpenBlas(NativeLibrary.load(PROPERTY, LIBRARY));
        }
        return instance;
    }

    /** Name, version, the processor that the chosen kernels were written for, and the number of threads. */
    String description() {
        String[] config = text("openblas_get_config").split(" ");
        MethodHandle threads = library.function("openblas_get_num_threads", FunctionDescriptor.of(INT));
        return "%s %s, kernels for %s, %d threads".formatted(config[0], config[1], text("openblas_get_corename"), (int) NativeLibrary.call(threads));
    }

    @SuppressWarnings("restricted")
    private String text(String function) {
        MemoryLayout text = MemoryLayout.sequenceLayout(LONGEST_TEXT, ValueLayout.JAVA_BYTE);
        MethodHandle call = library.function(function, FunctionDescriptor.of(ValueLayout.ADDRESS.withTargetLayout(text)));
        var result = (MemorySegment) NativeLibrary.call(call);
        return result.getString(0).strip();
    }

    /**
     * An operand in f32.
     *
     * @param tensor {@code [rows, columns]}, contiguous; it stays open while the product runs
     * @param transposed whether the product takes its transpose
     */
    record Operand(Tensor tensor, boolean transposed) {
        private MemorySegment memory() {
            return TensorMemory.buffer(tensor).hostMemory().orElseThrow();
        }

        private int transposition() {
            return transposed ? TRANSPOSED : NOT_TRANSPOSED;
        }

        private int stride() {
            return Math.toIntExact(tensor.size(1));
        }
    }

    /**
     * The product {@code C = A B} in f32.
     *
     * @param a {@code [m, k]} once transposed as it says
     * @param b {@code [k, n]} once transposed as it says
     * @param c {@code [m, n]}, contiguous; overwritten
     * @return computes the product
     */
    Runnable product(Operand a, Operand b, Tensor c) {
        MethodHandle sgemm = library.function("cblas_sgemm",
                FunctionDescriptor.ofVoid(INT, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER, INT));
        var result = new Operand(c, false);
        int k = Math.toIntExact(a.tensor.size(a.transposed ? 0 : 1));
        return bound(sgemm, BY_ROWS, a.transposition(), b.transposition(), Math.toIntExact(c.size(0)), result.stride(), k, 1f, a.memory(), a.stride(),
                b.memory(), b.stride(), 0f, result.memory(), result.stride());
    }

    /**
     * The accumulation {@code C = C + A^T A}, upper triangle only.
     *
     * @param a {@code [k, n]}
     * @param c {@code [n, n]}
     * @return computes it
     */
    Runnable gram(DoubleMatrix a, DoubleMatrix c) {
        MethodHandle dsyrk = library.function("cblas_dsyrk",
                FunctionDescriptor.ofVoid(INT, INT, INT, INT, INT, DOUBLE, POINTER, INT, DOUBLE, POINTER, INT), Linker.Option.critical(true));
        return bound(dsyrk, BY_ROWS, UPPER, TRANSPOSED, c.rows(), a.rows(), 1.0, memory(a), a.stride(), 1.0, memory(c), c.stride());
    }

    /**
     * The accumulation {@code C = C + A^T B}.
     *
     * @param a {@code [k, m]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}
     * @return computes it
     */
    Runnable transposedProduct(DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        MethodHandle dgemm = library.function("cblas_dgemm",
                FunctionDescriptor.ofVoid(INT, INT, INT, INT, INT, INT, DOUBLE, POINTER, INT, POINTER, INT, DOUBLE, POINTER, INT),
                Linker.Option.critical(true));
        return bound(dgemm, BY_ROWS, TRANSPOSED, NOT_TRANSPOSED, c.rows(), c.columns(), a.rows(), 1.0, memory(a), a.stride(), memory(b), b.stride(),
                1.0, memory(c), c.stride());
    }

    /**
     * The Cholesky factor of {@code G = U^T U}, in place.
     *
     * @param g {@code [n, n]}, positive definite; its upper triangle is overwritten with U
     * @return computes it
     */
    Runnable factor(DoubleMatrix g) {
        MethodHandle dpotrf = library.function("dpotrf_", FunctionDescriptor.ofVoid(POINTER, POINTER, POINTER, POINTER, POINTER),
                Linker.Option.critical(true));
        Arena arena = Arena.ofAuto();
        MemorySegment status = arena.allocate(INT);
        Runnable factor = bound(dpotrf, arena.allocateFrom("L"), arena.allocateFrom(ValueLayout.JAVA_INT, g.rows()), memory(g),
                arena.allocateFrom(ValueLayout.JAVA_INT, g.stride()), status);
        return () -> {
            factor.run();
            if (status.get(ValueLayout.JAVA_INT, 0) != 0) {
                throw new IllegalStateException("dpotrf failed with status " + status.get(ValueLayout.JAVA_INT, 0));
            }
        };
    }

    /**
     * The solution of {@code U^T U X = B}, in place.
     *
     * @param u {@code [n, n]}, upper triangular
     * @param b {@code [n, any]}; overwritten with X
     * @return computes it
     */
    Runnable solve(DoubleMatrix u, DoubleMatrix b) {
        Runnable forward = triangularSolve(TRANSPOSED, u, b);
        Runnable backward = triangularSolve(NOT_TRANSPOSED, u, b);
        return () -> {
            forward.run();
            backward.run();
        };
    }

    private Runnable triangularSolve(int transposition, DoubleMatrix u, DoubleMatrix b) {
        MethodHandle dtrsm = library.function("cblas_dtrsm",
                FunctionDescriptor.ofVoid(INT, INT, INT, INT, INT, INT, INT, DOUBLE, POINTER, INT, POINTER, INT), Linker.Option.critical(true));
        return bound(dtrsm, BY_ROWS, LEFT, UPPER, transposition, NOT_UNIT, b.rows(), b.columns(), 1.0, memory(u), u.stride(), memory(b), b.stride());
    }

    /** Doubles stay in their Java array, which garbage collection does not move during a critical call. */
    private static MemorySegment memory(DoubleMatrix matrix) {
        return MemorySegment.ofArray(matrix.array()).asSlice((long) matrix.offset() * Double.BYTES);
    }

    private static Runnable bound(MethodHandle function, Object... arguments) {
        MethodHandle call = MethodHandles.insertArguments(function, 0, arguments);
        return () -> {
            try {
                call.invokeExact();
            } catch (Throwable e) {
                throw new IllegalStateException(e);
            }
        };
    }
}
