package kept.torch;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;
import kept.io.FileException;
import kept.io.MistakenFile;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.weights.TensorEntry;
import kept.weights.WeightFile;

/**
 * A memory-mapped state dictionary written by {@code torch.save}: a zip archive ({@code TorchArchive}), or, before PyTorch 1.6, pickles followed by
 * the storages ({@code TorchLegacy}). Opening reads only the description of the tensors; their bytes are views of the file.
 *
 * <p>{@code TorchPickle} reads the pickles and builds only dictionaries, numbers and tensor descriptions, so a file can never run code. Several
 * tensors may share a storage, and may be strided views of it, such as transposed tensors.
 */
public final class TorchFile extends WeightFile {
    /** File name of weights in one file. */
    public static final String SINGLE = "pytorch_model.bin";
    /** File name of the index of weights in several files. */
    public static final String INDEX = "pytorch_model.bin.index.json";

    /** Prefix of error messages. */
    static final String OPERATION = "torch";

    private TorchFile(MappedFile file) {
        super(OPERATION, file, entries(file.path(), file.content()));
    }

    /**
     * Maps a file and reads the description of its tensors.
     *
     * @param path the file
     * @return the open file; the caller closes it
     * @throws FileException if it cannot be opened, is not a valid file of tensors, or contains anything but tensors
     */
    public static TorchFile open(Path path) {
        return open(OPERATION, path, TorchFile::new);
    }

    /**
     * Reads the description of a file's tensors.
     *
     * @param path the file's path, for errors
     * @param content the whole file
     * @return an entry for each tensor, in the order of their data; all are within the file
     * @throws FileException if the file is invalid
     */
    static List<TensorEntry> entries(Path path, MemorySegment content) {
        TorchContents contents = MistakenFile.isZip(content) ? TorchArchive.read(path, content) : TorchLegacy.read(path, content);
        return contents.tensors().entrySet().stream().map(tensor -> entry(path, tensor.getKey(), tensor.getValue(), contents))
            .sorted(Comparator.comparingLong(TensorEntry::offset).thenComparingLong(TensorEntry::byteSize)).toList();
    }

    private static TensorEntry entry(Path path, String name, TorchPickle.Tensor tensor, TorchContents contents) {
        TorchPickle.Storage storage = tensor.storage();
        TorchContents.Place bytes = contents.storages().get(storage.key());
        if (bytes == null) {
            throw new FileException(OPERATION, path, name, tensor.place(),
                "its storage '%s' is not in the %s".formatted(FileException.shorten(storage.key()), contents.container()));
        }
        int size = storage.type().bits() / Byte.SIZE;
        if (storage.elements() > bytes.size() / size) {
            throw new FileException(OPERATION, path, name, tensor.place(), "its storage '%s' of %d %s has only %d bytes"
                .formatted(FileException.shorten(storage.key()), storage.elements(), storage.type(), bytes.size()));
        }
        try {
            Shape shape = Shape.of(tensor.extents());
            List<Long> strides = strides(path, name, tensor);
            long span = strides.isEmpty() ? shape.elementCount() : span(path, name, tensor);
            if (tensor.offset() < 0 || tensor.offset() > storage.elements() || span > storage.elements() - tensor.offset()) {
                throw new FileException(OPERATION, path, name, tensor.place(), "its elements %s from %d on exceed its storage of %d"
                    .formatted(shape, tensor.offset(), storage.elements()));
            }
            if (shape.elementCount() > storage.elements()) {
                throw new FileException(OPERATION, path, name, tensor.place(),
                    "is a view that repeats elements (expand); save the file again with tensors made .contiguous()");
            }
            return new TensorEntry(path, name, storage.type(), shape, bytes.offset() + tensor.offset() * size, span * size, strides);
        } catch (ShapeException e) {
            throw new FileException(OPERATION, path, name, tensor.place(), "its shape is invalid: " + e.getMessage(), e);
        }
    }

    /** Returns the strides of a view that is not in row-major order; empty for row-major order. */
    private static List<Long> strides(Path path, String name, TorchPickle.Tensor tensor) {
        long[] extents = tensor.extents();
        boolean empty = LongStream.of(extents).anyMatch(extent -> extent == 0);
        long expected = 1;
        boolean contiguous = true;
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            if (tensor.strides()[axis] < 0) {
                throw new FileException(OPERATION, path, name, tensor.place(), "has the stride %d".formatted(tensor.strides()[axis]));
            }
            contiguous &= extents[axis] <= 1 || tensor.strides()[axis] == expected;
            expected *= Math.max(1, extents[axis]);
        }
        return contiguous || empty ? List.of() : LongStream.of(tensor.strides()).boxed().toList();
    }

    /** The number of storage elements from a view's first element to its last. */
    private static long span(Path path, String name, TorchPickle.Tensor tensor) {
        try {
            long last = 0;
            for (int axis = 0; axis < tensor.extents().length; axis++) {
                last = Math.addExact(last, Math.multiplyExact(tensor.extents()[axis] - 1, tensor.strides()[axis]));
            }
            return Math.addExact(last, 1);
        } catch (ArithmeticException e) {
            throw new FileException(OPERATION, path, name, tensor.place(), "its strides exceed 64 bits", e);
        }
    }
}
