/**
 * Layers: {@link kept.nn.Parameter}, {@link kept.nn.Layer}, and the parts of a transformer made of them.
 *
 * <p>A layer holds parameters and says in which order operations are applied to them. {@link kept.nn.Functional} has what is made of tensors'
 * operations and has no parameters of its own, {@link kept.nn.Init} the values that weights begin with. The operations themselves, with their
 * gradients, live in {@code kept.autograd.operation}; whole models, their configurations and their files live in the module {@code kept}.
 */
package kept.nn;
