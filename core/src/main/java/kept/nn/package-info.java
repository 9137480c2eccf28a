/**
 * Layers: {@link kept.nn.Parameter}, {@link kept.nn.Layer}, and the parts of a transformer made of them.
 *
 * <p>A layer holds parameters and says in which order operations are applied to them. {@link kept.nn.Functional} has what is made of tensors'
 * operations and has no parameters of its own, {@link kept.nn.Init} the values that weights begin with. The operations themselves, with their
 * gradients, live in {@code kept.autograd.operation}; whole models, their configurations and their files live in the module {@code kept}.
 *
 * <p><b>Threads.</b> On the CPU several threads may compute with one model at once, each in a {@link kept.tensor.Scope} of its own and, where
 * keys and values are kept, with {@link kept.nn.KeyValues} of its own. A forward pass only reads parameters and {@link
 * kept.nn.RotaryEmbedding}, whether it is recorded or not, and gives the bits that one thread gets. What changes a parameter needs the model
 * to itself: a backward pass, which adds to the gradients of trainable parameters, an optimizer's step, {@link kept.nn.Parameter#setTrainable}
 * and in-place operations.
 */
package kept.nn;
