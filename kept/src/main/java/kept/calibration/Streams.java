package kept.calibration;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import kept.io.AtomicFiles;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The residual streams of all tokens of a calibration, in parts: in memory, or in a temporary file that is deleted on close. */
interface Streams extends AutoCloseable {
    /**
     * Returns a part, owned by the current scope.
     *
     * @param part its number
     * @return {@code [sequences, length, hidden]}, F32
     */
    Tensor get(int part);

    /**
     * Replaces a part, or appends the next one.
     *
     * @param part its index
     * @param stream its values; they are copied
     */
    void put(int part, Tensor stream);

    @Override
    void close();

    /** Creates streams in memory. */
    static Streams inMemory(Device device) {
        Scope scope = Scope.detached(device);
        List<Tensor> parts = new ArrayList<>();
        return new Streams() {
            @Override
            public Tensor get(int part) {
                return parts.get(part).detach();
            }

            @Override
            public void put(int part, Tensor stream) {
                if (part == parts.size()) {
                    parts.add(scope.run(() -> Tensor.empty(stream.dtype(), stream.shape())));
                }
                parts.get(part).assign(stream);
            }

            @Override
            public void close() {
                scope.close();
            }
        };
    }

    /** Creates streams in a file. */
    static Streams spilled(Path directory) {
        try {
            Path file = Files.createTempFile(directory, "kept-streams", ".f32");
            return new FileStreams(file,
                    FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE));
        } catch (IOException e) {
            throw new CalibrationException("[calibration] streams cannot be spilled to %s: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }

    /** The parts are stored consecutively. */
    final class FileStreams implements Streams {
        private final Path file;
        private final FileChannel channel;
        private final List<Shape> shapes = new ArrayList<>();
        private final List<Long> places = new ArrayList<>(List.of(0L));

        private FileStreams(Path file, FileChannel channel) {
            this.file = file;
            this.channel = channel;
        }

        @Override
        public Tensor get(int part) {
            Shape shape = shapes.get(part);
            var values = new float[Math.toIntExact(shape.elementCount())];
            ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.nativeOrder());
            try {
                while (bytes.hasRemaining() && channel.read(bytes, places.get(part) + bytes.position()) > 0) {
                    continue;
                }
                if (bytes.hasRemaining()) {
                    throw new IOException("the file ends early");
                }
            } catch (IOException e) {
                throw failure("read", e);
            }
            bytes.flip().asFloatBuffer().get(values);
            return Tensor.of(values, shape.toArray());
        }

        @Override
        public void put(int part, Tensor stream) {
            float[] values = stream.toFloatArray();
            ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.nativeOrder());
            bytes.asFloatBuffer().put(values);
            if (part == shapes.size()) {
                shapes.add(stream.shape());
                places.add(places.getLast() + bytes.capacity());
            }
            try {
                while (bytes.hasRemaining()) {
                    channel.write(bytes, places.get(part) + bytes.position());
                }
            } catch (IOException e) {
                throw failure("written", e);
            }
        }

        @Override
        public void close() {
            try {
                channel.close();
            } catch (IOException e) {
                throw failure("closed", e);
            }
        }

        private CalibrationException failure(String what, IOException e) {
            return new CalibrationException("[calibration] the streams in %s cannot be %s: %s; --spill chooses another place".formatted(
                    file, what, AtomicFiles.reason(e)), e);
        }
    }
}
