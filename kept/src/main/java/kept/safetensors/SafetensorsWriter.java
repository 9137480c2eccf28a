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
import kept.io.CheckpointException;
import kept.io.PendingFile;
import kept.weights.FiniteValues;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;

/**
 * Writes a safetensors file tensor by tensor, so that nothing but the tensor at hand need be in memory.
 *
 * <p>All tensors are declared first, then each is written once, in any order; {@link #finish()} makes the file appear under its name, and until then
 * it lies beside it under a temporary one, which {@link #close()} deletes. The bytes depend on the declared tensors and their values alone: tensors
 * of wider elements come first, so that each is aligned, and otherwise keep the declared order; the header ends in spaces up to a multiple of 8
 * bytes.
 */
public final class SafetensorsWriter implements AutoCloseable {
    private static final int CHUNK = 8 << 20;
    private static final long COPIED_AT_ONCE = 64 << 20;

    private final Path target;
    private final PendingFile file;
    private final Map<String, TensorSpec> missing = new LinkedHashMap<>();
    private final SafetensorsLayout layout;
    /** Bytes so far of the tensors that come in parts. */
    private final Map<String, Long> begun = new LinkedHashMap<>();
    /** Null where the file gets no checksums. */
    private final Seal seal;
    private boolean open = true;

    private SafetensorsWriter(Path target, List<TensorSpec> tensors, Map<String, String> metadata, boolean sealed, ByteSink.Opener opener) {
        this.target = target;
        this.layout = SafetensorsLayout.of(target, tensors, sealed ? Seal.reserved(metadata, tensors.size()) : metadata);
        this.seal = sealed ? new Seal(layout.names()) : null;
        tensors.forEach(tensor -> missing.put(tensor.name(), tensor));
        this.file = new PendingFile("safetensors", target, layout.fileSize(), opener);
        write(ByteBuffer.wrap(layout.header()), 0);
    }

    /**
     * Starts a file whose only metadata is {@code format = pt}, which transformers asks for.
     *
     * @param target the file; one of the same name is replaced at the end, and a device or a pipe is written to
     * @param tensors the tensors it will hold
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws CheckpointException if the file cannot be made, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter create(Path target, List<TensorSpec> tensors) {
        return create(target, tensors, Map.of());
    }

    /**
     * Starts a file with metadata of its own besides {@code format = pt}.
     *
     * @param target the file; one of the same name is replaced at the end
     * @param tensors the tensors it will hold
     * @param metadata free-form strings, written in the map's order after {@code format}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws CheckpointException if the file cannot be made, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter create(Path target, List<TensorSpec> tensors, Map<String, String> metadata) {
        return create(target, tensors, metadata, ByteSink::newFile);
    }

    /**
     * Starts a file that holds its own checksums, as {@link SafetensorsFile#requireIntact} asks for. Its tensors are written, not copied.
     *
     * @param target the file; one of the same name is replaced at the end
     * @param tensors the tensors it will hold
     * @param metadata free-form strings, written in the map's order after {@code format}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws CheckpointException if the file cannot be made, a name occurs twice, or the header would exceed the format's limit
     */
    public static SafetensorsWriter createSealed(Path target, List<TensorSpec> tensors, Map<String, String> metadata) {
        return new SafetensorsWriter(target, tensors, metadata, true, ByteSink::newFile);
    }

    static SafetensorsWriter create(Path target, List<TensorSpec> tensors, Map<String, String> metadata, ByteSink.Opener opener) {
        return new SafetensorsWriter(target, tensors, metadata, false, opener);
    }

    /**
     * Writes the values of one tensor.
     *
     * @param name its name as declared
     * @param data its elements, little-endian, row by row
     * @throws CheckpointException if no such tensor is awaited, the size is not the declared one, or the disk refuses it; in the last case the
     *     temporary file is gone
     */
    public void write(String name, MemorySegment data) {
        requireSize(awaited(name), data.byteSize() == awaited(name).byteSize(), data.byteSize());
        append(name, data);
    }

    /**
     * Writes the next part of the values of one tensor, which need not be in memory as a whole.
     *
     * @param name its name as declared
     * @param data its next elements, little-endian, row by row
     * @throws CheckpointException if no such tensor is awaited, there are more values than declared, or the disk refuses it; in the last case the
     *     temporary file is gone
     */
    public void append(String name, MemorySegment data) {
        TensorSpec spec = awaited(name);
        long before = begun.getOrDefault(name, 0L);
        long after = before + data.byteSize();
        requireSize(spec, after <= spec.byteSize(), after);
        copy(data, layout.offset(name) + before);
        if (seal != null) {
            seal.update(name, data);
        }
        begun.put(name, after);
        if (after == spec.byteSize()) {
            missing.remove(name);
        }
    }

    private TensorSpec awaited(String name) {
        TensorSpec spec = missing.get(name);
        if (spec == null) {
            throw new CheckpointException("safetensors", target, name, -1,
                layout.has(name) ? "is written already" : "was not declared for this file");
        }
        return spec;
    }

    private void requireSize(TensorSpec spec, boolean fits, long bytes) {
        if (!fits) {
            throw new CheckpointException("safetensors", target, spec.name(), layout.offset(spec.name()),
                "%s %s needs %d bytes, got %d".formatted(spec.dtype().label(), spec.shape(), spec.byteSize(), bytes));
        }
    }

    private void copy(MemorySegment data, long start) {
        for (long done = 0; done < data.byteSize(); done += CHUNK) {
            MemorySegment chunk = data.asSlice(done, Math.min(CHUNK, data.byteSize() - done));
            // A segment over an array of anything but bytes has no ByteBuffer.
            write(chunk.isNative() ? chunk.asByteBuffer() : ByteBuffer.wrap(chunk.toArray(ValueLayout.JAVA_BYTE)), start + done);
        }
    }

    /**
     * Copies the values of one tensor from another file, as they are.
     *
     * @param name its name as declared
     * @param source its elements' place in the other file
     * @param values looks at them as they pass by, and refuses those that are no finite numbers
     * @param progress is told the bytes of each piece copied
     * @throws CheckpointException if no such tensor is awaited, the size is not the declared one, a value is no finite number, the source cannot be
     *     read, or the disk refuses the copy; in the last two cases the temporary file is gone
     */
    public void copy(String name, TensorEntry source, FiniteValues values, LongConsumer progress) {
        TensorSpec spec = awaited(name);
        requireSize(spec, source.byteSize() == spec.byteSize(), source.byteSize());
        requireOpen();
        if (seal != null) {
            throw new IllegalStateException("a file with checksums is written, not copied: " + target);
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
     * @return true if only {@link #finish()} is left to do
     */
    public boolean isComplete() {
        return missing.isEmpty();
    }

    /**
     * Forces the file to disk and gives it its name.
     *
     * @throws CheckpointException if a declared tensor was not written, or the disk refuses
     */
    public void finish() {
        requireOpen();
        if (!missing.isEmpty()) {
            throw new CheckpointException("safetensors", target, missing.keySet().iterator().next(), -1, "was declared but not written");
        }
        if (seal != null) {
            seal.into(layout.header());
            write(ByteBuffer.wrap(layout.header()), 0);
        }
        try {
            file.commit();
            open = false;
        } catch (IOException e) {
            throw fail(e);
        }
    }

    /** Deletes the temporary file, unless {@link #finish()} has given it its name. */
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

    private CheckpointException fail(IOException cause) {
        open = false;
        try {
            file.sink().close();
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        return file.failure(cause);
    }
}
