/**
 * PyTorch's {@code pytorch_model.bin}: {@link kept.torch.TorchFile} reads what {@code torch.save} wrote, without the ability to run code that a
 * pickle has in Python, and {@link kept.torch.TorchWriter} writes it.
 *
 * <p>Elsewhere: what all formats share ({@code kept.weights}), and reading a directory ({@code kept.checkpoint}).
 */
package kept.torch;
