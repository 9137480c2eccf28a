package kept.torch;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.weights.ShardIndex;
import kept.weights.ShardPlan;
import kept.weights.TensorSpec;
import kept.weights.WeightWriter;

/**
 * Writes weights in the format of {@code torch.save}: {@code pytorch_model.bin} if one file suffices, else {@code pytorch_model-00001-of-0000N.bin}
 * and an index. Each file is a zip archive of uncompressed entries: a pickle of names and shapes ({@code TorchPickleWriter}), and the bytes of each
 * tensor, aligned to 64 bytes. Orion-14B-Base is distributed in this format; the writer exists to test and demonstrate reading it.
 *
 * <p>Tensors are written in their declared order; the bytes depend only on the declared tensors and their values.
 */
public final class TorchWriter implements WeightWriter {
    private static final int ALIGNMENT = 64;
    /** Bytes of a local header without name and padding, and of the header of the padding. */
    private static final int LOCAL_HEADER = 30;
    private static final int PADDING_HEADER = 4;
    private static final int CHUNK = 1 << 20;
    /**
     * The timestamp of every entry, constant so that equal tensors give equal files. One month after the first zip date, which Java treats as absent.
     */
    private static final LocalDateTime TIME = LocalDateTime.of(1980, 2, 1, 0, 0);

    private final Path directory;
    private final List<List<TensorSpec>> files;
    private final byte[] chunk = new byte[CHUNK];
    private int file;
    private int tensor;
    private Path temporary;
    private FileChannel channel;
    private Counting place;
    private ZipOutputStream archive;

    private TorchWriter(Path directory, List<List<TensorSpec>> files) {
        this.directory = directory;
        this.files = files;
    }

    /**
     * Plans the files; the first is created with the first tensor.
     *
     * @param directory the directory, which exists
     * @param tensors all tensors of the checkpoint
     * @param maxShardSize the limit in bytes of tensor data per file, at least 1
     * @return the writer; the caller writes each tensor in this order, finishes and closes it
     * @throws FileException if there are no tensors or two have the same name
     */
    public static TorchWriter create(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        return new TorchWriter(directory, ShardPlan.of(directory, tensors, maxShardSize));
    }

    @Override
    public void write(String name, MemorySegment data) {
        if (file == files.size() || !files.get(file).get(tensor).name().equals(name)) {
            throw new FileException(TorchFile.OPERATION, directory, name, -1, "is written out of order; write tensors in their declared order");
        }
        TensorSpec spec = files.get(file).get(tensor);
        if (data.byteSize() != spec.byteSize()) {
            throw new FileException(TorchFile.OPERATION, directory, name, -1,
                "%s %s needs %d bytes, got %d".formatted(spec.dtype().label(), spec.shape(), spec.byteSize(), data.byteSize()));
        }
        try {
            if (tensor == 0) {
                open();
            }
            store("data/" + tensor, data);
            tensor++;
            if (tensor == files.get(file).size()) {
                store("version", MemorySegment.ofArray("3\n".getBytes(StandardCharsets.US_ASCII)));
                archive.finish();
                archive.flush();
                channel.force(true);
                channel.close();
                AtomicFiles.moveIntoPlace(temporary, path(file));
                channel = null;
                tensor = 0;
                file++;
            }
        } catch (IOException e) {
            close();
            throw AtomicFiles.failure(TorchFile.OPERATION, path(file), files.get(file).stream().mapToLong(TensorSpec::byteSize).sum(), temporary, e);
        }
    }

    @Override
    public void finish() {
        if (file < files.size()) {
            throw new FileException(TorchFile.OPERATION, directory, files.get(file).get(tensor).name(), -1, "was declared but not written");
        }
        if (files.size() > 1) {
            var index = new LinkedHashMap<String, String>();
            for (int i = 0; i < files.size(); i++) {
                for (TensorSpec spec : files.get(i)) {
                    index.put(spec.name(), path(i).getFileName().toString());
                }
            }
            ShardIndex.write(directory, TorchFile.INDEX, index,
                files.stream().flatMap(List::stream).mapToLong(TensorSpec::byteSize).sum());
        }
    }

    @Override
    public void close() {
        if (channel != null) {
            try (var _ = channel) {
                channel = null;
                Files.deleteIfExists(temporary);
            } catch (IOException e) {
                throw new FileException(TorchFile.OPERATION, temporary, "the temporary file cannot be deleted: " + AtomicFiles.reason(e), e);
            }
        }
    }

    private void open() throws IOException {
        temporary = AtomicFiles.temporary(path(file));
        channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        place = new Counting(Channels.newOutputStream(channel));
        archive = new ZipOutputStream(place);
        archive.setMethod(ZipOutputStream.STORED);
        store("data.pkl", MemorySegment.ofArray(TorchPickleWriter.write(files.get(file))));
        store("byteorder", MemorySegment.ofArray("little".getBytes(StandardCharsets.US_ASCII)));
    }

    private void store(String name, MemorySegment content) throws IOException {
        String stem = path(file).getFileName().toString().replace(".bin", "");
        var entry = new ZipEntry(stem + "/" + name);
        entry.setTimeLocal(TIME);
        entry.setSize(content.byteSize());
        entry.setCompressedSize(content.byteSize());
        var sum = new CRC32();
        forEachChunk(content, size -> sum.update(chunk, 0, size));
        entry.setCrc(sum.getValue());
        entry.setExtra(padding(entry.getName().length()));
        archive.putNextEntry(entry);
        forEachChunk(content, size -> archive.write(chunk, 0, size));
        archive.closeEntry();
    }

    /** Returns an extra field, of the kind PyTorch uses, that aligns the entry's bytes to 64. */
    private byte[] padding(int nameLength) {
        long begin = place.count + LOCAL_HEADER + nameLength + PADDING_HEADER;
        int size = (int) (Math.ceilDiv(begin, ALIGNMENT) * ALIGNMENT - begin);
        byte[] extra = new byte[PADDING_HEADER + size];
        extra[0] = 'F';
        extra[1] = 'B';
        extra[2] = (byte) size;
        return extra;
    }

    private void forEachChunk(MemorySegment content, ChunkUser user) throws IOException {
        for (long done = 0; done < content.byteSize();) {
            int size = (int) Math.min(CHUNK, content.byteSize() - done);
            MemorySegment.copy(content, ValueLayout.JAVA_BYTE, done, chunk, 0, size);
            user.use(size);
            done += size;
        }
    }

    private Path path(int number) {
        return directory.resolve(files.size() == 1 ? TorchFile.SINGLE : "pytorch_model-%05d-of-%05d.bin".formatted(number + 1, files.size()));
    }

    @FunctionalInterface
    private interface ChunkUser {
        void use(int size) throws IOException;
    }

    /** Counts the bytes written. */
    private static final class Counting extends FilterOutputStream {
        private long count;

        Counting(OutputStream out) {
            super(out);
        }

        @Override
        public void write(int value) throws IOException {
            out.write(value);
            count++;
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length);
            count += length;
        }
    }
}
