package kept.cli;

import kept.run.Resume;
import picocli.CommandLine.Option;

/** Whether a program resumes an earlier run. */
public final class ResumeOptions {
    @Option(names = "--resume", order = 42, description = "Continue a run that was interrupted or killed, from its saved state.")
    private boolean resume;

    @Option(names = "--allow-other-bits", order = 42,
            description = "With --resume: continue although the vector width or the device differs from the start of the run. The result is as good,"
                    + " but its bits differ from those of an uninterrupted run.")
    private boolean otherBits;

    /** The value of the options. */
    public Resume resume() {
        return !resume ? Resume.NO : otherBits ? Resume.ANY_BITS : Resume.SAME_BITS;
    }
}
