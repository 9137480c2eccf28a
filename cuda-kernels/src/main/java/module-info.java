/** The CUDA backend of {@code kept.core}. Programs find it through {@link java.util.ServiceLoader}; only the benchmarks require this module. */
@SuppressWarnings("module") // kept.bench is compiled after this module.
module kept.cuda {
    requires kept.core;

    exports kept.cuda to
            kept.bench;
    exports kept.cuda.driver to
            kept.bench;
    exports kept.cuda.cublas to
            kept.bench;

    provides kept.backend.BackendProvider with
            kept.cuda.CudaBackendProvider;
    provides kept.distributed.DeviceLinkProvider with
            kept.cuda.CudaLinkProvider;
}
