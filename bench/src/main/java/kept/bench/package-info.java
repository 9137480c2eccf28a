/**
 * Measurements of speed: contests, each this library, libtorch and a plain loop at the same work, which JMH runs alone and {@code bin/bench} in turns
 * as a table; and the whole XKD step in the form its PyTorch peer reports. Nothing here is used by the other modules.
 */
package kept.bench;
