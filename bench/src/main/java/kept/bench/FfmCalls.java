package kept.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.FfmBlas;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.cuda.driver.FfmDriver;
import kept.cuda.driver.Grid;

/** Calls through the foreign function and memory API, as the CUDA backend makes them; each launch writes its arguments again. */
final class FfmCalls implements NativeCalls {
    private static final Grid GRID = Grid.of(1, 32);

    private final FfmDriver driver;
    private final FfmBlas blas;
    private final int size;
    private final long stream;
    private final long handle;
    private final long library;
    private final long kernel;
    private final long[] addresses = new long[3];
    private final MemorySegment arguments = Arena.ofAuto().allocate(32, 8);

    private FfmCalls(int size) {
        this.size = size;
        driver = FfmDriver.open();
        blas = FfmBlas.open(driver);
        driver.makeCurrent(driver.retainPrimaryContext(0));
        stream = driver.createStream();
        handle = blas.create(stream);
        library = driver.loadLibrary("empty", EMPTY_KERNEL);
        kernel = driver.kernel(library, KERNEL_NAME);
        long bytes = (long) size * size * Short.BYTES;
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = driver.allocate(bytes, stream);
            driver.set(addresses[i], FILL_BYTE, bytes, stream);
        }
        synchronize();
    }

    /**
     * Opens the first GPU.
     *
     * @param size rows and columns of the square matrices
     * @return calls on a stream of the first GPU
     * @throws kept.tensor.TensorException if there is no driver, no GPU or no cuBLAS; the message names the reason
     */
    static FfmCalls open(int size) {
        return new FfmCalls(size);
    }

    @Override
    public void launch() {
        arguments.set(ValueLayout.JAVA_LONG, 0, addresses[0]);
        arguments.set(ValueLayout.JAVA_LONG, 8, addresses[1]);
        arguments.set(ValueLayout.JAVA_LONG, 16, size);
        arguments.set(ValueLayout.JAVA_FLOAT, 24, 1);
        driver.launch(kernel, GRID, 0, stream, arguments.asSlice(0, 28));
    }

    @Override
    public void multiply() {
        blas.gemm(handle, new Gemm(size, size, size, 1, matrix(0), matrix(1), 0, matrix(2), 1));
    }

    private Matrix matrix(int number) {
        return new Matrix(addresses[number], DataType.BF16, size, 0, false);
    }

    @Override
    public void synchronize() {
        driver.synchronize(stream);
    }

    @Override
    public void close() {
        synchronize();
        for (long address : addresses) {
            driver.free(address, stream);
        }
        blas.destroy(handle);
        driver.unloadLibrary(library);
        driver.destroyStream(stream);
        driver.releasePrimaryContext(0);
    }
}
