package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import kept.backend.BlockCodes;
import kept.io.AtomicFiles;
import kept.io.DiskSpace;
import kept.model.ModelTensor;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * The bytes that a training run needs on disk.
 *
 * @param state the trained weights and their moments; while a state is written, the previous one stays
 * @param best the best state; 0 if none is kept
 * @param result the weights of the output
 * @param snapshots the weights of all snapshots
 * @param savedAgain whether a state may be written while another exists
 */
record TrainingDisk(long state, long best, long result, long snapshots, boolean savedAgain) {
    private static final int FLOAT = Float.BYTES;

    /** The bytes of a saved state. */
    static long stateBytes(List<ModelTensor> trained, DType weights, boolean codedMoments) {
        return trained.stream().mapToLong(tensor -> tensor.shape().elementCount() * weights.bytes()
                + 2L * FLOAT * momentWords(tensor.shape(), codedMoments)).sum();
    }

    private static long momentWords(Shape shape, boolean coded) {
        return coded && AdamW.isCoded(shape) ? BlockCodes.shape(shape.elementCount()).elementCount() : shape.elementCount();
    }

    /** The bytes of tensors in a type. */
    static long bytes(List<ModelTensor> tensors, DType type) {
        return tensors.stream().mapToLong(tensor -> tensor.shape().elementCount() * type.bytes()).sum();
    }

    /** The maximum at any moment: state and best state, and a third file that is being written. */
    long peak() {
        return state + best + snapshots + LongStream.of(savedAgain ? state : 0, best, result).max().getAsLong();
    }

    /**
     * Refuses a run for which the disk has no room.
     *
     * @param parent the directory of the output, its state and its snapshots
     * @param output the output, for the message
     * @param training the directory of the state; files of an earlier part of the run need no new space
     * @throws kept.io.FileException with the bytes needed and the free bytes
     */
    void requireRoom(Path parent, Path output, Path training) {
        String parts = "at once: %,d for the training's state%s%s%s".formatted(state, savedAgain ? ", as much again while it is replaced" : "",
                best == 0 ? "" : ", %,d for the best state".formatted(best),
                ", %,d for the result%s".formatted(result, snapshots == 0 ? "" : ", %,d for snapshots".formatted(snapshots)));
        DiskSpace.require(parent, output, Math.max(0, peak() - written(training)), parts);
    }

    private static long written(Path training) {
        if (!Files.isDirectory(training)) {
            return 0;
        }
        try (Stream<Path> files = Files.list(training)) {
            long bytes = 0;
            for (Path file : files.toList()) {
                bytes += Files.size(file);
            }
            return bytes;
        } catch (IOException e) {
            throw new RunException("[training] %s cannot be read: %s".formatted(training, AtomicFiles.reason(e)), e);
        }
    }
}
