package kept.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.tensor.Shape;
import kept.tensor.ShapeException;

/**
 * A state dictionary as {@code torch.save} writes it, memory-mapped: a zip archive with a pickle of the names and shapes, {@code data.pkl}, and the
 * bytes of each storage in an entry {@code data/KEY}. Opening reads the directory and the pickle; a tensor's bytes are a part of the file.
 *
 * <p>The pickle is read by {@link TorchPickle}, which builds nothing but dictionaries, numbers and descriptions of tensors: no code of the file's
 * choice ever runs. Tensors must be contiguous; several may share a storage.
 */
final class TorchFile implements WeightFile {
    /** What errors begin with. */
    static final String OPERATION = "torch";

    private static final String PICKLE = "/data.pkl";
    private static final long LONGEST_PICKLE = 100_000_000;
    /** The first bytes of a zip archive. */
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    /** The first bytes of PyTorch's format before zip archives: protocol 2 and a long integer of 10 bytes, its magic number. */
    private static final byte[] OLD = {(byte) 0x80, 2, (byte) 0x8a, 10};

    private final Path path;
    private final Arena arena;
    private final MemorySegment content;
    private final Map<String, TensorEntry> entries;

    private TorchFile(Path path, Arena arena, MemorySegment content) {
        this.path = path;
        this.arena = arena;
        this.content = content;
        this.entries = new LinkedHashMap<>();
        entries(path, content).forEach(entry -> entries.put(entry.name(), entry));
    }

    /**
     * Maps a file and reads what it says of its tensors.
     *
     * @param path the file
     * @return the open file; the caller closes it
     * @throws CheckpointException if it cannot be opened, is not a sound file of tensors, or asks for anything else than tensors
     */
    static TorchFile open(Path path) {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return new TorchFile(path, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            arena.close();
            throw new CheckpointException(OPERATION, path, "cannot be opened: " + AtomicFiles.reason(e), e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Reads what a file says of its tensors.
     *
     * @param path the file's path, for errors
     * @param content the whole file
     * @return an entry for each tensor, in the order of their data; all lie inside the file
     * @throws CheckpointException if anything is wrong
     */
    static List<TensorEntry> entries(Path path, MemorySegment content) {
        if (!startsWith(content, ZIP)) {
            throw new CheckpointException(OPERATION, path, null, 0, startsWith(content, OLD)
                ? "is in PyTorch's format from before version 1.6; save it again: torch.save(torch.load(FILE, map_location='cpu'), FILE)"
                : "is not a zip archive, as PyTorch's files of weights are");
        }
        Map<String, ZipDirectory.Entry> archive = ZipDirectory.read(path, content);
        List<String> pickles = archive.keySet().stream()
            .filter(name -> name.endsWith(PICKLE) && name.indexOf('/') == name.length() - PICKLE.length()).toList();
        if (pickles.size() != 1) {
            throw new CheckpointException(OPERATION, path, "the archive has %d entries NAME/data.pkl where files of torch.save have one: is it one?"
                .formatted(pickles.size()));
        }
        String folder = pickles.getFirst().substring(0, pickles.getFirst().length() - PICKLE.length());
        requireLittleEndian(path, content, archive.get(folder + "/byteorder"));
        ZipDirectory.Entry pickle = archive.get(pickles.getFirst());
        if (pickle.size() > LONGEST_PICKLE) {
            throw new CheckpointException(OPERATION, path, null, pickle.offset(),
                "the pickle has %d bytes, above the limit of %d".formatted(pickle.size(), LONGEST_PICKLE));
        }
        var tensors = TorchPickle.read(path, content.asSlice(pickle.offset(), pickle.size()), pickle.offset());
        return tensors.entrySet().stream().map(tensor -> entry(path, tensor.getKey(), tensor.getValue(), folder, archive))
            .sorted(Comparator.comparingLong(TensorEntry::offset).thenComparingLong(TensorEntry::byteSize)).toList();
    }

    private static boolean startsWith(MemorySegment content, byte[] bytes) {
        return content.byteSize() >= bytes.length && content.asSlice(0, bytes.length).mismatch(MemorySegment.ofArray(bytes)) == -1;
    }

    private static void requireLittleEndian(Path path, MemorySegment content, ZipDirectory.Entry order) {
        if (order != null) {
            byte[] bytes = content.asSlice(order.offset(), Math.min(order.size(), 16)).toArray(ValueLayout.JAVA_BYTE);
            String text = new String(bytes, StandardCharsets.UTF_8);
            if (!text.equals("little")) {
                throw new CheckpointException(OPERATION, path, null, order.offset(),
                    "was written with byte order '%s'; only 'little' can be read".formatted(text));
            }
        }
    }

    private static TensorEntry entry(Path path, String name, TorchPickle.Tensor tensor, String folder, Map<String, ZipDirectory.Entry> archive) {
        TorchPickle.Storage storage = tensor.storage();
        ZipDirectory.Entry bytes = archive.get(folder + "/data/" + storage.key());
        if (bytes == null) {
            throw new CheckpointException(OPERATION, path, name, tensor.place(),
                "its storage '%s' is not in the archive".formatted(CheckpointException.shorten(storage.key())));
        }
        int size = storage.type().bits() / Byte.SIZE;
        if (storage.elements() > bytes.size() / size) {
            throw new CheckpointException(OPERATION, path, name, tensor.place(), "its storage '%s' of %d %s has only %d bytes"
                .formatted(CheckpointException.shorten(storage.key()), storage.elements(), storage.type(), bytes.size()));
        }
        try {
            Shape shape = Shape.of(tensor.extents());
            if (tensor.offset() < 0 || tensor.offset() > storage.elements() || shape.elementCount() > storage.elements() - tensor.offset()) {
                throw new CheckpointException(OPERATION, path, name, tensor.place(), "its elements %s from %d on go past its storage of %d"
                    .formatted(shape, tensor.offset(), storage.elements()));
            }
            requireContiguous(path, name, tensor);
            return new TensorEntry(path, name, storage.type(), shape, bytes.offset() + tensor.offset() * size, shape.elementCount() * size);
        } catch (ShapeException e) {
            throw new CheckpointException(OPERATION, path, name, tensor.place(), "its shape is not sound: " + e.getMessage(), e);
        }
    }

    private static void requireContiguous(Path path, String name, TorchPickle.Tensor tensor) {
        long[] extents = tensor.extents();
        long expected = 1;
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            if (extents[axis] > 1 && tensor.strides()[axis] != expected) {
                throw new CheckpointException(OPERATION, path, name, tensor.place(),
                    "is a view whose elements do not lie row by row; save the file again with tensors made .contiguous()");
            }
            expected *= Math.max(1, extents[axis]);
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public List<TensorEntry> entries() {
        return List.copyOf(entries.values());
    }

    @Override
    public boolean contains(String name) {
        return entries.containsKey(name);
    }

    @Override
    public TensorEntry entry(String name) {
        TensorEntry entry = entries.get(name);
        if (entry == null) {
            throw new CheckpointException(OPERATION, path, name, -1, "there is no such tensor among the %d of this file".formatted(entries.size()));
        }
        return entry;
    }

    @Override
    public MemorySegment data(String name) {
        TensorEntry entry = entry(name);
        return content.asSlice(entry.offset(), entry.byteSize());
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
