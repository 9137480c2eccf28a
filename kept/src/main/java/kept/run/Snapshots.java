package kept.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import kept.io.OutputDirectory;

/**
 * Checkpoints of a model in training: after every so many steps a directory {@code OUTPUT.step-N} beside the output, which appears whole or not at
 * all. After the last step there is none; that is the output.
 */
final class Snapshots {
    private final Path output;
    private final long every;
    private final long steps;
    private final Path[] inputs;

    /**
     * Makes sure that the snapshots have a place.
     *
     * @param output what the training will make
     * @param every steps between snapshots; 0 for none
     * @param steps the steps of the training
     * @param replace whether snapshots that exist may be replaced
     * @param inputs what the training reads
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

    /** How many there will be. */
    long count() {
        return every == 0 ? 0 : (steps - 1) / every;
    }

    /** Where the snapshot after a step is. */
    Path directory(long step) {
        return output.resolveSibling(output.getFileName() + ".step-" + step);
    }

    /**
     * Writes the snapshot after a step, if there is to be one; one that an interrupted run has written before gets the same bytes.
     *
     * @param step the step just done
     * @param writer is given an empty directory to write the files to
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
