/**
 * What the {@linkplain kept.backend.FusedKernels fused kernels} compute, composed of primitive ones: what they do on a device that has no kernel of
 * its own for them, and what the kernels of other devices are tested against. Each class has the definition, a function of tensors that can be
 * recorded and differentiated, and the form of the kernel, which writes its results.
 */
package kept.backend.composition;
