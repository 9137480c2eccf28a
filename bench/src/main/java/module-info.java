/** Benchmarks of {@code kept.core} and {@code kept.cuda} against libtorch, OpenBLAS, llama.cpp, PyTorch and JCuda. */
module kept.bench {
    requires ai.djl.api;
    requires com.fasterxml.jackson.databind;
    requires info.picocli;
    requires java.management;
    requires jcublas;
    requires jcuda;
    requires jdk.incubator.vector;
    requires jdk.management;
    requires kept;
    requires kept.core;
    requires kept.cuda;
    requires jmh.core;

    uses kept.backend.BackendProvider;

    provides kept.backend.BackendProvider with
            kept.bench.recording.RecordedDevice.H200,
            kept.bench.recording.RecordedDevice.H100,
            kept.bench.recording.RecordedDevice.A100,
            kept.bench.recording.RecordedDevice.Rtx4090;

    opens kept.bench to com.fasterxml.jackson.databind, info.picocli;
}
