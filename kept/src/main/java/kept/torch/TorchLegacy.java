package kept.torch;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import kept.io.FileException;
import kept.io.MistakenFile;

/**
 * Reads the files that {@code torch.save} wrote before PyTorch 1.6, and still writes with {@code _use_new_zipfile_serialization=False}: several
 * pickles, then the storages.
 *
 * <pre>
 *   magic number, protocol version (1001), {"protocol_version", "little_endian", "type_sizes"}   a pickle each
 *   {name: tensor, ...}                                                                         a pickle, as in archives
 *   [key, ...]                                                                                  a pickle: the storages' order
 *   elements (64 bits), bytes                                                                   for each storage
 * </pre>
 */
final class TorchLegacy {
    /** Protocol 2, the 10-byte integer 0x1950a86a20f9469cfc6c, and the end of the pickle. */
    private static final byte[] MAGIC = {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20, 0x6a,
        (byte) 0xa8, 0x50, 0x19, '.'};
    private static final long VERSION = 1001;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path path;
    private final MemorySegment content;
    private long next = MAGIC.length;

    private TorchLegacy(Path path, MemorySegment content) {
        this.path = path;
        this.content = content;
    }

    /**
     * Reads a file's pickles and the sizes of its storages.
     *
     * @param path the file's path, for errors
     * @param content the whole file
     * @return the tensors and storages it describes
     * @throws FileException if it is not such a file or is invalid
     */
    static TorchContents read(Path path, MemorySegment content) {
        if (content.byteSize() < MAGIC.length || content.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) != -1) {
            throw new FileException(TorchFile.OPERATION, path, null, 0, MistakenFile.kind(content).orElseGet(() -> unknown(content)));
        }
        return new TorchLegacy(path, content).read();
    }

    private static String unknown(MemorySegment content) {
        if (MistakenFile.isSafetensors(content)) {
            return "is a safetensors file: its name must end in .safetensors, as in model.safetensors";
        }
        return content.get(ValueLayout.JAVA_BYTE, 0) == (byte) 0x80
            ? "is a pickle, but not one of torch.save: save model.state_dict() with torch.save"
            : "is neither a zip archive, as PyTorch writes, nor in the format of PyTorch before 1.6";
    }

    private TorchContents read() {
        requireSame(VERSION, pickle(), "protocol version");
        if (!(pickle() instanceof Map<?, ?> system)) {
            throw error("the system description is missing");
        }
        requireSame(true, system.get("little_endian"), "'little_endian'");
        long start = next;
        MemorySegment rest = content.asSlice(start, Math.min(TorchArchive.MAX_PICKLE_BYTES, content.byteSize() - start));
        var machine = new PickleMachine(path, rest, start);
        Map<String, TorchPickle.Tensor> tensors = TorchPickle.readLegacy(machine);
        next = machine.end();
        return new TorchContents(tensors, storages(elementSizes(tensors)), "file");
    }

    /** The element size in bytes of each storage. All tensors that share a storage must agree on it. */
    private Map<String, Integer> elementSizes(Map<String, TorchPickle.Tensor> tensors) {
        var sizes = new HashMap<String, Integer>();
        tensors.forEach((name, tensor) -> {
            int size = tensor.storage().type().bits() / Byte.SIZE;
            if (sizes.merge(tensor.storage().key(), size, (known, _) -> known) != size) {
                throw new FileException(TorchFile.OPERATION, path, name, tensor.place(), "another tensor uses its storage with another type");
            }
        });
        return sizes;
    }

    private Map<String, TorchContents.Place> storages(Map<String, Integer> elementSizes) {
        if (!(pickle() instanceof List<?> keys) || !keys.stream().allMatch(String.class::isInstance)) {
            throw error("the list of storages is missing");
        }
        if (new HashSet<>(keys).size() != keys.size()) {
            throw error("a storage is listed twice");
        }
        var places = new HashMap<String, TorchContents.Place>();
        for (Object key : keys) {
            Integer size = elementSizes.get(key);
            if (size == null) {
                throw error("the storage '%s' belongs to no tensor".formatted(FileException.shorten((String) key)));
            }
            if (content.byteSize() - next < Long.BYTES) {
                throw error("the file ends before storage '%s': is it truncated?".formatted(FileException.shorten((String) key)));
            }
            long elements = content.get(LONG, next);
            next += Long.BYTES;
            if (elements < 0 || elements > (content.byteSize() - next) / size) {
                throw error("the storage '%s' of %d elements goes past the end of the file, which has %d bytes: is it truncated?"
                    .formatted(FileException.shorten((String) key), elements, content.byteSize()));
            }
            places.put((String) key, new TorchContents.Place(next, elements * size));
            next += elements * size;
        }
        if (next != content.byteSize()) {
            throw error("the file goes on after the last storage (bytes left: %d)".formatted(content.byteSize() - next));
        }
        return places;
    }

    /** Reads the next pickle, which must not use any names. */
    private Object pickle() {
        long start = next;
        MemorySegment rest = content.asSlice(start, Math.min(TorchArchive.MAX_PICKLE_BYTES, content.byteSize() - start));
        var machine = new PickleMachine(path, rest, start);
        Object value = machine.run(new PickleMachine.Constructors() {
            @Override
            public void requireKnown(String name) {
                throw machine.error("the file uses '%s' where only numbers and strings are allowed".formatted(FileException.shorten(name)));
            }

            @Override
            public Object call(String name, List<?> arguments) {
                throw machine.error("the file calls '%s' where only numbers and strings are allowed".formatted(FileException.shorten(name)));
            }

            @Override
            public Object persistent(Object id) {
                throw machine.error("the file has a persistent id where only numbers and strings are allowed");
            }
        });
        next = machine.end();
        return value;
    }

    private void requireSame(Object expected, Object found, String what) {
        if (!expected.equals(found)) {
            throw error("the %s is %s, not %s".formatted(what, found == null ? "missing" : PickleMachine.describe(found), expected));
        }
    }

    private FileException error(String problem) {
        return new FileException(TorchFile.OPERATION, path, null, next, problem);
    }
}
