/** The CUDA backend of {@code kept.core}: found at run time by service look-up, never required. */
module kept.cuda {
    requires kept.core;

    provides kept.backend.BackendProvider with
            kept.cuda.CudaBackendProvider;
}
