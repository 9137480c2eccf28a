/** JMH benchmarks, and the same work done by other libraries. Nothing here is used by the other modules. */
package kept.bench;
