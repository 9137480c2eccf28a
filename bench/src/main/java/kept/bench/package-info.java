/**
 * Measurements of speed: JMH benchmarks, the whole XKD step in the form its PyTorch peer reports, and matrix products against the processor's peak.
 * Nothing here is used by the other modules.
 */
package kept.bench;
