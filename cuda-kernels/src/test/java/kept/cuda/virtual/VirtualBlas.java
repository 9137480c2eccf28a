package kept.cuda.virtual;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import kept.cuda.cublas.Blas;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.cuda.driver.CudaException;

/**
 * cuBLAS on a virtual GPU: products with f32 or f64 sums, on one thread, with the memory checks of the kernels. Sums are in ascending order of k, or,
 * on a device with {@linkplain VirtualGpu#varyingProducts varying products}, in parts of k whose number depends on the shape.
 */
public final class VirtualBlas implements Blas {
    private static final int INVALID_VALUE = 7;
    private static final int NOT_INITIALIZED = 1;
    private static final int MAX_PARTS = 4;

    private final VirtualGpu gpu;
    private final AtomicLong handles = new AtomicLong(0xb000);
    private final Map<Long, Long> streams = new ConcurrentHashMap<>();

    VirtualBlas(VirtualGpu gpu) {
        this.gpu = gpu;
    }

    private static CudaException invalid(String text) {
        return new CudaException(INVALID_VALUE, "[cublas] cublasGemmStridedBatchedEx: CUBLAS_STATUS_INVALID_VALUE (7): " + text);
    }

    private void require(String call, long handle) {
        if (!streams.containsKey(handle)) {
            throw new CudaException(NOT_INITIALIZED, "[cublas] %s: CUBLAS_STATUS_NOT_INITIALIZED (1): no handle 0x%x".formatted(call, handle));
        }
    }

    @Override
    public int version() {
        return 120805;
    }

    @Override
    public long create(long stream) {
        long handle = handles.incrementAndGet();
        streams.put(handle, stream);
        return handle;
    }

    @Override
    public void setWorkspace(long handle, long address, long bytes) {
        require("cublasSetWorkspace", handle);
        if (gpu.memory().find(address, bytes) == null) {
            throw invalid("a workspace of %d bytes at 0x%x, %s".formatted(bytes, address, gpu.memory().describe(address)));
        }
    }

    @Override
    public void destroy(long handle) {
        require("cublasDestroy", handle);
        streams.remove(handle);
    }

    @Override
    public void gemm(long handle, Gemm product) {
        int m = product.m();
        int n = product.n();
        int k = product.k();
        Matrix a = product.a();
        Matrix b = product.b();
        Matrix c = product.c();
        int batch = product.batch();
        require("cublasGemmStridedBatchedEx", handle);
        if (m < 0 || n < 0 || k < 0 || batch < 0) {
            throw invalid("m %d, n %d, k %d, batch %d".formatted(m, n, k, batch));
        }
        if (a.type() != b.type() || c.type() != a.type() && (c.type() != DataType.F32 || a.type() == DataType.F64)) {
            throw invalid("types %s x %s -> %s".formatted(a.type(), b.type(), c.type()));
        }
        leading("a", a, a.transposed() ? k : m);
        leading("b", b, b.transposed() ? n : k);
        leading("c", c, m);
        if (c.transposed() || batch > 1 && c.stride() < (long) c.leading() * (n - 1) + m) {
            throw invalid("c is transposed or its matrices overlap: " + c);
        }
        gpu.streams().add(streams.get(handle), () -> {
            for (int i = 0; i < batch; i++) {
                if (a.type() == DataType.F64) {
                    double[] left = readDoubles(new View("a", a, i), m, k, a.transposed());
                    double[] right = readDoubles(new View("b", b, i), k, n, b.transposed());
                    multiply(m, n, k, parts(m, n), product.alpha(), left, right, product.beta(), new View("c", c, i));
                    continue;
                }
                float[] left = read(new View("a", a, i), m, k, a.transposed());
                float[] right = read(new View("b", b, i), k, n, b.transposed());
                multiply(m, n, k, parts(m, n), product.alpha(), left, right, product.beta(), new View("c", c, i));
            }
        });
    }

    private static void leading(String name, Matrix matrix, int rows) {
        if (matrix.leading() < Math.max(rows, 1)) {
            throw invalid("leading dimension %d of %s with columns of %d".formatted(matrix.leading(), name, rows));
        }
    }

    /** The number of parts of k that are summed separately, as a real library divides k among blocks. */
    private int parts(int m, int n) {
        return gpu.variesProducts() ? 1 + (m + n) % MAX_PARTS : 1;
    }

    /**
     * Computes c by columns: column j is the sum of the columns of op(a), each times an element of column j of op(b). Element l of a sum belongs to
     * part l modulo the number of parts; the parts are added in order.
     */
    private static void multiply(int m, int n, int k, int parts, float alpha, float[] left, float[] right, float beta, View c) {
        float[][] columns = new float[parts][m];
        for (int j = 0; j < n; j++) {
            for (float[] column : columns) {
                Arrays.fill(column, 0);
            }
            for (int l = 0; l < k; l++) {
                float factor = right[j * k + l];
                float[] column = columns[l % parts];
                for (int i = 0; i < m; i++) {
                    column[i] = Math.fma(left[l * m + i], factor, column[i]);
                }
            }
            for (int i = 0; i < m; i++) {
                float sum = columns[0][i];
                for (int part = 1; part < parts; part++) {
                    sum += columns[part][i];
                }
                float value = alpha * sum;
                c.set(i, j, beta == 0 ? value : value + beta * c.get(i, j));
            }
        }
    }

    /** The same in f64. */
    private static void multiply(int m, int n, int k, int parts, double alpha, double[] left, double[] right, double beta, View c) {
        double[][] columns = new double[parts][m];
        for (int j = 0; j < n; j++) {
            for (double[] column : columns) {
                Arrays.fill(column, 0);
            }
            for (int l = 0; l < k; l++) {
                double factor = right[j * k + l];
                double[] column = columns[l % parts];
                for (int i = 0; i < m; i++) {
                    column[i] = Math.fma(left[l * m + i], factor, column[i]);
                }
            }
            for (int i = 0; i < m; i++) {
                double sum = columns[0][i];
                for (int part = 1; part < parts; part++) {
                    sum += columns[part][i];
                }
                double value = alpha * sum;
                c.setDouble(i, j, beta == 0 ? value : value + beta * c.getDouble(i, j));
            }
        }
    }

    private static double[] readDoubles(View matrix, int rows, int columns, boolean transposed) {
        double[] values = new double[Math.multiplyExact(rows, columns)];
        for (int column = 0; column < columns; column++) {
            for (int row = 0; row < rows; row++) {
                values[column * rows + row] = transposed ? matrix.getDouble(column, row) : matrix.getDouble(row, column);
            }
        }
        return values;
    }

    /** Returns op(matrix) in column-major order. */
    private static float[] read(View matrix, int rows, int columns, boolean transposed) {
        float[] values = new float[Math.multiplyExact(rows, columns)];
        for (int column = 0; column < columns; column++) {
            for (int row = 0; row < rows; row++) {
                values[column * rows + row] = transposed ? matrix.get(column, row) : matrix.get(row, column);
            }
        }
        return values;
    }

    /** One matrix of a batch in device memory. */
    private final class View {
        private final String name;
        private final Matrix matrix;
        private final int width;
        private final long first;
        private Page page;

        View(String name, Matrix matrix, int index) {
            this.name = name;
            this.matrix = matrix;
            this.width = matrix.type().bytes();
            this.first = index * matrix.stride();
        }

        double getDouble(int row, int column) {
            int at = readable(row, column);
            return Double.longBitsToDouble(Bytes.getLong(page.data, at));
        }

        void setDouble(int row, int column, double value) {
            int at = place("writes", row, column);
            Bytes.putLong(page.data, at, Double.doubleToRawLongBits(value));
            page.markWritten(at, width);
        }

        /** Checks that an element has been written. */
        private int readable(int row, int column) {
            int at = place("reads", row, column);
            if (!page.isWritten(at, width)) {
                throw new KernelFault("gemm reads element %,d of %s at byte %,d of %s, which was never written"
                        .formatted(element(row, column), name, page.offset + at, page.allocation));
            }
            return at;
        }

        float get(int row, int column) {
            int at = readable(row, column);
            return switch (matrix.type()) {
                case F32 -> Float.intBitsToFloat(Bytes.getInt(page.data, at));
                case F16 -> Rounding.fromF16(Bytes.getShort(page.data, at));
                case BF16 -> Rounding.fromBf16(Bytes.getShort(page.data, at));
                case F64 -> throw new IllegalStateException("[virtual] F64 is read as a double");
            };
        }

        void set(int row, int column, float value) {
            int at = place("writes", row, column);
            switch (matrix.type()) {
                case F32 -> Bytes.putInt(page.data, at, Float.floatToRawIntBits(value));
                case F16 -> Bytes.putShort(page.data, at, (short) Rounding.toF16(value, Rounding.Mode.RN));
                case BF16 -> Bytes.putShort(page.data, at, (short) Rounding.toBf16(value, Rounding.Mode.RN));
                case F64 -> throw new IllegalStateException("[virtual] F64 is written as a double");
            }
            page.markWritten(at, width);
        }

        private long element(int row, int column) {
            return first + (long) column * matrix.leading() + row;
        }

        /** Returns the index of an element in its page; the page of the last element is cached. */
        private int place(String what, int row, int column) {
            long address = matrix.address() + width * element(row, column);
            if (page == null || address < page.base || address - page.base > page.size - width) {
                Allocation allocation = gpu.memory().find(address, width);
                if (allocation == null || address % width != 0) {
                    throw new KernelFault("gemm %s element %,d of %s at 0x%x, %s"
                            .formatted(what, element(row, column), name, address, gpu.memory().describe(address)));
                }
                page = allocation.page(address - allocation.base);
            }
            return (int) (address - page.base);
        }
    }
}
