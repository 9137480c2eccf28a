/** Benchmarks of {@code kept.core} and {@code kept.cuda} against libtorch, PyTorch and JCuda. */
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

    opens kept.bench to com.fasterxml.jackson.databind, info.picocli;
}
