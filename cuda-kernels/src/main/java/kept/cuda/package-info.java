/**
 * The place of the CUDA backend, and the provider {@link kept.tensor.Device} finds it by. The backend itself is still to come; until then the
 * provider says so to whoever asks for the device. Nothing outside this module names a CUDA type.
 */
package kept.cuda;
