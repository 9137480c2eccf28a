/** JMH benchmarks of {@code kept.core} and the peer it races. */
module kept.bench {
    requires ai.djl.api;
    requires com.fasterxml.jackson.databind;
    requires info.picocli;
    requires java.management;
    requires kept;
    requires kept.core;
    requires jdk.incubator.vector;
    requires jdk.management;
    requires jmh.core;

    opens kept.bench to com.fasterxml.jackson.databind, info.picocli;
}
