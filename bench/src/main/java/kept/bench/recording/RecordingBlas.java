package kept.bench.recording;

import kept.cuda.cublas.Blas;
import kept.cuda.cublas.Gemm;

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
    public void gemm(long handle, Gemm of) {
        int shared = of.batch() == 1 ? 0 : (of.a().stride() == 0 ? 1 : 0) + (of.b().stride() == 0 ? 1 : 0);
        recording.add(new Recording.Product(of.m(), of.n(), of.k(), of.batch(), shared, of.a().type(), of.c().type(), of.beta() != 0));
    }
}
