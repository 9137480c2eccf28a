package kept.torch;

import java.util.Map;

/**
 * The tensors and storages that a PyTorch file describes.
 *
 * @param tensors the tensors by name, in file order
 * @param storages the location of each storage, by its key
 * @param container what contains the storages, for errors
 */
record TorchContents(Map<String, TorchPickle.Tensor> tensors, Map<String, Place> storages, String container) {
    /**
     * The location of a storage in the file.
     *
     * @param offset from the start of the file
     * @param size bytes
     */
    record Place(long offset, long size) { }
}
