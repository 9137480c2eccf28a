package kept.torch;

import java.util.Map;

/**
 * What a file of PyTorch's says of its tensors.
 *
 * @param tensors the tensors by name, in the file's order
 * @param storages where the bytes of each storage are, by its key
 * @param container what the storages lie in, for errors
 */
record TorchContents(Map<String, TorchPickle.Tensor> tensors, Map<String, Place> storages, String container) {
    /**
     * The place of a storage, inside the file.
     *
     * @param offset from the start of the file
     * @param size bytes
     */
    record Place(long offset, long size) { }
}
