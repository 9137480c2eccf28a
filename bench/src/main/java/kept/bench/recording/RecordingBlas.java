package kept.bench.recording;

import kept.cuda.cublas.Blas;
import kept.cuda.cublas.Matrix;

/** A cuBLAS that records its products and computes nothing. */
final class RecordingBlas implements Blas {
    private static final int VERSION = 120805;
    private static final long HANDLE = 1;

    private final Recording recording;

    RecordingBlas(Recording recording) {
        this.recording = recording;
    }

    @Override
    public int version() {
        return VERSION;
    }

    @Override
    public long create(long stream) {
        return HANDLE;
    }

    @Override
    public void setWorkspace(long handle, long address, long bytes) {
        // The workspace is recorded as an allocation.
    }

    @Override
    public void destroy(long handle) {
        // A handle owns nothing here.
    }

    @Override
    public void gemm(long handle, int m, int n, int k, float alpha, Matrix a, Matrix b, float beta, Matrix c, int batch) {
        int shared = batch == 1 ? 0 : (a.stride() == 0 ? 1 : 0) + (b.stride() == 0 ? 1 : 0);
        recording.add(new Recording.Product(m, n, k, batch, shared, a.type(), c.type(), beta != 0));
    }
}
