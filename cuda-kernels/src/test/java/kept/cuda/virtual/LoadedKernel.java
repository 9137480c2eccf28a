package kept.cuda.virtual;

/** A kernel of a loaded library, and its limit of shared memory. */
final class LoadedKernel {
    /** Limit without an opt-in, in bytes. */
    static final int SHARED_DEFAULT = 48 << 10;

    final Kernel kernel;
    final long library;
    int sharedAllowed = SHARED_DEFAULT;

    LoadedKernel(Kernel kernel, long library) {
        this.kernel = kernel;
        this.library = library;
    }
}
