/**
 * Layers: {@link kept.nn.Parameter}, {@link kept.nn.Layer}, and the layers of a transformer.
 *
 * <p>A layer holds parameters and defines a forward pass. {@link kept.nn.Functional} has the operations without parameters of their own, {@link
 * kept.nn.Init} the initialisation of weights. The operations themselves, with their gradients, live in {@code kept.autograd.operation}; whole
 * models, their configurations and their files live in the module {@code kept}.
 *
 * <p><b>Threads.</b> On the CPU several threads may compute with one model at once, each in a {@link kept.tensor.Scope} of its own and, for
 * generation, with {@link kept.nn.KeyValues} of its own. A forward pass only reads parameters and {@link kept.nn.RotaryEmbedding}, whether it is
 * recorded or not, and its result is bit-identical to that of one thread. Operations that change a parameter need exclusive access to the model: a
 * backward pass (which accumulates gradients of trainable parameters), an optimizer's step, {@link kept.nn.Parameter#setTrainable} and in-place
 * operations.
 */
package kept.nn;
