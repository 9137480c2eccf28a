package kept.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import kept.io.OutputDirectory;

/**
 * Checkpoints of a model in training: directories {@code OUTPUT.step-N} next to the output, at a fixed interval of steps. Each appears complete or
 * not at all. There is none after the last step, which gives the output.
 */
final class Snapshots {
    private final Path output;
    private final long every;
    private final long steps;
    private final Path[] inputs;

    /**
     * Checks that the snapshots' directories do not exist.
     *
     * @param output the output of the training
     * @param every steps between snapshots; 0 for none
     * @param steps the steps of the training
     * @param replace whether snapshots that exist may be replaced
     * @param inputs the inputs of the training
     * @throws RunException if one exists that may not
     * @throws kept.io.FileException if one holds anything but a snapshot
     */
    Snapshots(Path output, long every, long steps, boolean replace, Path... inputs) {
        this.output = OutputDirectory.resolve(output);
        this.inputs = inputs.clone();
        this.every = every;
        this.steps = steps;
        for (long step = every; every > 0 && step < steps; step += every) {
            if (Files.exists(directory(step)) && !replace) {
                throw new RunException("[training] %s exists, a snapshot of another run; remove it, or replace it with --overwrite"
                        .formatted(directory(step)));
            }
            OutputDirectory.requireReplaceable(directory(step), true, inputs);
        }
    }

    /** The number of snapshots. */
    long count() {
        return every == 0 ? 0 : (steps - 1) / every;
    }

    /** The directory of the snapshot after a step. */
    Path directory(long step) {
        return output.resolveSibling(output.getFileName() + ".step-" + step);
    }

    /**
     * Writes the snapshot after a step, if there is one; an existing snapshot of an interrupted run gets the same bytes.
     *
     * @param step the step just done
     * @param writer writes the files to an empty directory
     */
    void writeAfter(long step, Consumer<Path> writer) {
        if (every == 0 || step % every != 0 || step == steps) {
            return;
        }
        try (var directory = OutputDirectory.prepare(directory(step), true, inputs)) {
            writer.accept(directory.directory());
            directory.commit();
        }
    }
}
