package kept.torch;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import kept.io.FileException;

/**
 * Reads the zip archives that {@code torch.save} writes since PyTorch 1.6: {@code NAME/data.pkl} is a pickle of names and shapes, and each entry
 * {@code NAME/data/KEY} holds the bytes of one storage.
 */
final class TorchArchive {
    /** Largest accepted pickle, in bytes. */
    static final long MAX_PICKLE_BYTES = 100_000_000;

    private static final String PICKLE = "/data.pkl";

    private TorchArchive() { }

    /**
     * Reads an archive's directory and pickle.
     *
     * @param path the file's path, for errors
     * @param content the whole file, which starts with a zip signature
     * @return the tensors and storages it describes
     * @throws FileException if the archive is invalid
     */
    static TorchContents read(Path path, MemorySegment content) {
        Map<String, ZipDirectory.Entry> archive = ZipDirectory.read(path, content);
        List<String> pickles = archive.keySet().stream()
            .filter(name -> name.endsWith(PICKLE) && name.indexOf('/') == name.length() - PICKLE.length()).toList();
        if (pickles.size() != 1) {
            throw new FileException(TorchFile.OPERATION, path, ("the archive has %d entries NAME/data.pkl, but torch.save writes one; "
                + "a zip archive of a checkpoint's files must be unpacked").formatted(pickles.size()));
        }
        String folder = pickles.getFirst().substring(0, pickles.getFirst().length() - PICKLE.length());
        requireLittleEndian(path, content, archive.get(folder + "/byteorder"));
        ZipDirectory.Entry pickle = archive.get(pickles.getFirst());
        if (pickle.size() > MAX_PICKLE_BYTES) {
            throw new FileException(TorchFile.OPERATION, path, null, pickle.offset(),
                "the pickle has %d bytes, above the limit of %d".formatted(pickle.size(), MAX_PICKLE_BYTES));
        }
        var tensors = TorchPickle.read(path, content.asSlice(pickle.offset(), pickle.size()), pickle.offset());
        String data = folder + "/data/";
        var storages = new HashMap<String, TorchContents.Place>();
        archive.forEach((name, entry) -> {
            if (name.startsWith(data)) {
                storages.put(name.substring(data.length()), new TorchContents.Place(entry.offset(), entry.size()));
            }
        });
        return new TorchContents(tensors, storages, "archive");
    }

    private static void requireLittleEndian(Path path, MemorySegment content, ZipDirectory.Entry order) {
        if (order != null) {
            byte[] bytes = content.asSlice(order.offset(), Math.min(order.size(), 16)).toArray(ValueLayout.JAVA_BYTE);
            String text = new String(bytes, StandardCharsets.UTF_8);
            if (!text.equals("little")) {
                throw new FileException(TorchFile.OPERATION, path, null, order.offset(),
                    "has byte order '%s'; only 'little' is supported".formatted(text));
            }
        }
    }
}
