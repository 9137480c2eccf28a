/**
 * PyTorch's files, {@code pytorch_model.bin}: {@link kept.torch.TorchFile} is one that {@code torch.save} wrote, whose pickle names tensors and can
 * do nothing else, and {@link kept.torch.TorchWriter} writes them.
 *
 * <p>Not here: what formats have in common ({@code kept.weights}), and a directory to read ({@code kept.checkpoint}).
 */
package kept.torch;
