package kept.run;

import java.nio.file.Path;
import java.util.stream.Stream;
import kept.tensor.Device;

/**
 * The settings that all runs share that write an output and can be resumed. Each setter changes this object and returns it.
 *
 * @param <R> the run
 */
public abstract sealed class ResumableRun<R extends ResumableRun<R>> permits ConversionRun, DistillationRun, PretrainingRun {
    private Resume resume = Resume.NO;
    private boolean overwrite;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;
    private Path[] kept = {};
    private String command = "";

    ResumableRun() {}

    /** This run, by its own type. */
    abstract R self();

    /**
     * Sets whether an unfinished run for this output is resumed; {@link Resume#NO} by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public final R resume(Resume wanted) {
        resume = wanted;
        return self();
    }

    /**
     * Sets whether an existing output, or the state of an unfinished run, is replaced; false by default.
     *
     * @param allowed true to replace it
     * @return this
     */
    public final R overwrite(boolean allowed) {
        overwrite = allowed;
        return self();
    }

    /**
     * Sets the device to compute on; the CPU by default.
     *
     * @param where the device
     * @return this
     */
    public final R device(Device where) {
        device = where;
        return self();
    }

    /**
     * Sets files and directories that the output must not replace, such as the text. The models that this run reads are always kept.
     *
     * @param paths their paths
     * @return this
     */
    public final R keep(Path... paths) {
        kept = paths.clone();
        return self();
    }

    /**
     * Sets the command line to record beside the output, in its model card and where there is one in provenance.json; empty by default.
     *
     * @param line the command line
     * @return this
     */
    public final R command(String line) {
        command = line;
        return self();
    }

    final String command() {
        return command;
    }

    final Resume resume() {
        return resume;
    }

    final boolean isOverwriting() {
        return overwrite;
    }

    final Device device() {
        return device == null ? Device.cpu() : device;
    }

    /** The paths that the output must not replace: those that the run reads, and those to keep. */
    final Path[] inputs(Stream<Path> read) {
        return Stream.concat(read, Stream.of(kept)).toArray(Path[]::new);
    }
}
