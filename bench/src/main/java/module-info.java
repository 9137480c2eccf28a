/** JMH benchmarks of {@code kept.core} and the peers they race. */
module kept.bench {
    requires kept;
    requires kept.core;
    requires jdk.incubator.vector;
    requires jmh.core;
}
