/** The CUDA backend of {@code kept.core}: found at run time by service look-up, never required but by the benchmarks of its calls. */
@SuppressWarnings("module") // kept.bench is not there when this is compiled.
module kept.cuda {
    requires kept.core;

    exports kept.cuda.driver to
            kept.bench;
    exports kept.cuda.cublas to
            kept.bench;

    provides kept.backend.BackendProvider with
            kept.cuda.CudaBackendProvider;
}
