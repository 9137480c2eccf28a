package kept.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import kept.io.ByteSink;
import kept.io.FileException;
import kept.io.PendingFile;
import kept.weights.FiniteValues;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;

/**
 * Writes a safetensors file tensor by tensor; only the tensor being written needs to be in memory.
 *
 * <p>All tensors are declared first, then each is written once, in any order. The file is written under a temporary name in the same directory;
 * {@link #finish()} renames it, and {@link #close()} deletes it if it was not finished. The bytes depend only on the declared tensors and their
 * values: wider element types come first, for alignment, and otherwise the declared order is kept; the header is padded with spaces to a multiple of
 * 8 bytes.
 */
public final class SafetensorsWriter implements AutoCloseable {
    private static final int CHUNK = 8 << 20;
    private static final long COPIED_AT_ONCE = 64 << 20;

    private final Path target;
    private final PendingFile file;
    private final Map<String, TensorSpec> missing = new LinkedHashMap<>();
    private final SafetensorsLayout layout;
    /** Bytes written so far of tensors that are appended in parts. */
    private final Map<String, Long> begun = new LinkedHashMap<>();
    /** Null if the file has no checksums. */
    private final EmbeddedChecksums checksums;
    private boolean open = true;

    private SafetensorsWriter(Path target, List<TensorSpec> tensors, Map<String, String> metadata, boolean withChecksums, ByteSink.Opener opener) {
        this.target = target;
        this.layout = SafetensorsLayout.of(target, tensors, withChecksums ? EmbeddedChecksums.reserved(metadata, tensors.size()) : metadata);
        this.checksums = withChecksums ? new EmbeddedChecksums(layout.names()) : null;
        tensors.forEach(tensor -> missing.put(tensor.name(), tensor));
        this.file = new PendingFile("safetensors", target, layout.fileSize(), opener);
        write(ByteBuffer.wrap(layout.header()), 0);
    }

    /**
     * Starts a file whose only metadata is {@code format = pt}, which transformers requires.
     *
     * @param target the file; an existing file is replaced by {@link #finish()}, a device or pipe is written to directly
     * @param tensors the tensors it will contain
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws FileException if the file cannot be created, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter create(Path target, List<TensorSpec> tensors) {
        return create(target, tensors, Map.of());
    }

    /**
     * Starts a file with additional metadata besides {@code format = pt}.
     *
     * @param target the file; an existing file is replaced by {@link #finish()}
     * @param tensors the tensors it will contain
     * @param metadata free-form strings, written in the map's order after {@code format}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws FileException if the file cannot be created, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter create(Path target, List<TensorSpec> tensors, Map<String, String> metadata) {
        return create(target, tensors, metadata, ByteSink::newFile);
    }

    /**
     * Starts a file that contains its own checksums, which {@link SafetensorsFile#requireIntact} verifies. Its tensors must be written, not copied.
     *
     * @param target the file; an existing file is replaced by {@link #finish()}
     * @param tensors the tensors it will contain
     * @param metadata free-form strings, written in the map's order after {@code format}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws FileException if the file cannot be created, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter createWithChecksums(Path target, List<TensorSpec> tensors, Map<String, String> metadata) {
        return new SafetensorsWriter(target, tensors, metadata, true, ByteSink::newFile);
    }

    static SafetensorsWriter create(Path target, List<TensorSpec> tensors, Map<String, String> metadata, ByteSink.Opener opener) {
        return new SafetensorsWriter(target, tensors, metadata, false, opener);
    }

    /**
     * Writes the values of one tensor.
     *
     * @param name its name as declared
     * @param data its elements, little-endian, in row-major order
     * @throws FileException if the tensor was not declared or is already written, the size is not the declared one, or writing fails; if
     *     writing fails, the temporary file is deleted
     */
    public void write(String name, MemorySegment data) {
        requireSize(awaited(name), data.byteSize() == awaited(name).byteSize(), data.byteSize());
        append(name, data);
    }

    /**
     * Writes the next part of the values of one tensor, so that it need not be in memory as a whole.
     *
     * @param name its name as declared
     * @param data its next elements, little-endian, in row-major order
     * @throws FileException if the tensor was not declared or is already written, there are more values than declared, or writing fails; if
     *     writing fails, the temporary file is deleted
     */
    public void append(String name, MemorySegment data) {
        TensorSpec spec = awaited(name);
        long before = begun.getOrDefault(name, 0L);
        long after = before + data.byteSize();
        requireSize(spec, after <= spec.byteSize(), after);
        copy(data, layout.offset(name) + before);
        if (checksums != null) {
            checksums.update(name, data);
        }
        begun.put(name, after);
        if (after == spec.byteSize()) {
            missing.remove(name);
        }
    }

    private TensorSpec awaited(String name) {
        TensorSpec spec = missing.get(name);
        if (spec == null) {
            throw new FileException("safetensors", target, name, -1,
                layout.has(name) ? "is written already" : "was not declared for this file");
        }
        return spec;
    }

    private void requireSize(TensorSpec spec, boolean fits, long bytes) {
        if (!fits) {
            throw new FileException("safetensors", target, spec.name(), layout.offset(spec.name()),
                "%s %s needs %d bytes, got %d".formatted(spec.dtype().label(), spec.shape(), spec.byteSize(), bytes));
        }
    }

    private void copy(MemorySegment data, long start) {
        for (long done = 0; done < data.byteSize(); done += CHUNK) {
            MemorySegment chunk = data.asSlice(done, Math.min(CHUNK, data.byteSize() - done));
            // Only native segments and byte arrays can be viewed as a ByteBuffer.
            write(chunk.isNative() ? chunk.asByteBuffer() : ByteBuffer.wrap(chunk.toArray(ValueLayout.JAVA_BYTE)), start + done);
        }
    }

    /**
     * Copies the values of one tensor from another file.
     *
     * @param name its name as declared
     * @param source the tensor in the other file
     * @param values checks that the copied values are finite
     * @param progress receives the number of bytes of each piece copied
     * @throws FileException if the tensor was not declared or is already written, the size is not the declared one, a value is not finite, the
     *     source cannot be read, or writing fails; if reading or writing fails, the temporary file is deleted
     */
    public void copy(String name, TensorEntry source, FiniteValues values, LongConsumer progress) {
        TensorSpec spec = awaited(name);
        requireSize(spec, source.byteSize() == spec.byteSize(), source.byteSize());
        requireOpen();
        if (checksums != null) {
            throw new IllegalStateException("tensors of a file with checksums must be written, not copied: " + target);
        }
        long start = layout.offset(name);
        try {
            for (long done = 0; done < source.byteSize();) {
                long size = Math.min(COPIED_AT_ONCE, source.byteSize() - done);
                file.sink().copy(source.file(), source.offset() + done, size, start + done,
                    (bytes, place) -> values.inspect(bytes, place - source.offset()));
                done += size;
                progress.accept(size);
            }
        } catch (IOException e) {
            throw fail(e);
        }
        values.require();
        missing.remove(name);
    }

    /**
     * Whether every declared tensor has been written.
     *
     * @return true if only {@link #finish()} remains to be called
     */
    public boolean isComplete() {
        return missing.isEmpty();
    }

    /**
     * Syncs the file to disk and renames it to its final name.
     *
     * @throws FileException if a declared tensor was not written, or writing fails
     */
    public void finish() {
        requireOpen();
        if (!missing.isEmpty()) {
            throw new FileException("safetensors", target, missing.keySet().iterator().next(), -1, "was declared but not written");
        }
        if (checksums != null) {
            checksums.into(layout.header());
            write(ByteBuffer.wrap(layout.header()), 0);
        }
        try {
            file.commit();
            open = false;
        } catch (IOException e) {
            throw fail(e);
        }
    }

    /** Deletes the temporary file unless {@link #finish()} has renamed it. */
    @Override
    public void close() {
        if (open) {
            discard();
        }
    }

    private void requireOpen() {
        if (!open) {
            throw new IllegalStateException("finished or closed already: " + target);
        }
    }

    private void discard() {
        open = false;
        file.discard();
    }

    private void write(ByteBuffer bytes, long position) {
        requireOpen();
        try {
            file.sink().write(bytes, position);
        } catch (IOException e) {
            throw fail(e);
        }
    }

    private FileException fail(IOException cause) {
        open = false;
        try {
            file.sink().close();
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        return file.failure(cause);
    }
}
