/**
 * Internals that the packages of this library share: {@link kept.tensor.internal.TensorInternals}, the parts of a tensor that belong to the tape; the
 * tape's {@link kept.tensor.internal.Node}; the {@link kept.tensor.internal.Residence} of elements that are not in memory; the checks of {@link
 * kept.tensor.internal.Arguments}.
 *
 * <p>Not exported. The access to a tensor's memory that devices need is public, in {@link kept.backend.TensorMemory}.
 */
package kept.tensor.internal;
