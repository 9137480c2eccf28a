/**
 * What the packages of this library share and its users do not see: {@link kept.tensor.internal.TensorInternals}, the parts of a tensor that belong
 * to the tape; the tape's {@link kept.tensor.internal.Node}; the checks of {@link kept.tensor.internal.Arguments}.
 *
 * <p>Not exported. What the author of a device needs of a tensor's memory is public, in {@link kept.backend.TensorMemory}.
 */
package kept.tensor.internal;
