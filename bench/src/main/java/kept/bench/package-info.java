/**
 * Benchmarks. A {@link kept.bench.BenchmarkCase} does the same work with this library, with its peers and with a plain Java loop. JMH runs one
 * implementation at a time; {@code bin/bench} interleaves them and prints a table. {@code bin/bench xkd} times the whole step of cross-architecture
 * knowledge distillation (XKD), {@code bin/bench gpu} the CUDA kernels. No other module uses this one.
 */
package kept.bench;
