/** Tensors, automatic differentiation, layers, optimisers and linear algebra in double precision, with a CPU backend on the Vector API. */
module kept.core {
    requires java.management;
    requires jdk.incubator.vector;

    exports kept.autograd;
    exports kept.backend;
    exports kept.distributed;
    exports kept.linalg;
    exports kept.nn;
    exports kept.optim;
    exports kept.tensor;

    uses kept.backend.BackendProvider;
    uses kept.backend.DoubleKernels;
    uses kept.distributed.DeviceLinkProvider;
    uses kept.distributed.TransportProvider;

    provides kept.backend.BackendProvider with
            kept.backend.cpu.CpuBackendProvider;
    provides kept.backend.DoubleKernels with
            kept.backend.cpu.CpuDoubleKernels;
    provides kept.distributed.TransportProvider with
            kept.distributed.tcp.TcpProvider,
            kept.distributed.mpi.MpiProvider;
}
