/** Tensors, automatic differentiation, layers and optimisers, with a CPU backend on the Vector API. */
module kept.core {
    requires jdk.incubator.vector;

    exports kept.autograd;
    exports kept.backend;
    exports kept.nn;
    exports kept.optim;
    exports kept.tensor;

    uses kept.backend.BackendProvider;

    provides kept.backend.BackendProvider with
            kept.backend.cpu.CpuBackendProvider;
}
