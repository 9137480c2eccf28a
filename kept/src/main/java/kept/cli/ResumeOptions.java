package kept.cli;

import kept.run.Resume;
import picocli.CommandLine.Option;

/** Whether a program goes on with what an earlier run of it has begun. */
public final class ResumeOptions {
    @Option(names = "--resume", order = 42, description = "Go on with a run that was interrupted or killed, from what it has saved.")
    private boolean resume;

    @Option(names = "--allow-other-bits", order = 42,
            description = "With --resume: go on although vectors, or the device, are others than the run was begun with. The result is as good, but"
                    + " has not the bits of an undisturbed run.")
    private boolean otherBits;

    /** What the options say. */
    public Resume resume() {
        return !resume ? Resume.NO : otherBits ? Resume.ANY_BITS : Resume.SAME_BITS;
    }
}
