package kept;

import kept.tensor.Device;
import picocli.CommandLine.Option;

/** Whether a program goes on with what an earlier run of it has begun. */
final class ResumeOptions {
    @Option(names = "--resume", order = 42, description = "Go on with a run that was interrupted or killed, from what it has saved.")
    private boolean resume;

    @Option(names = "--allow-other-bits", order = 42,
            description = "With --resume: go on although vectors, or the device, are others than the run was begun with. The result is as good, but"
                    + " has not the bits of an undisturbed run.")
    private boolean otherBits;

    /** As the user could have it. */
    static ResumeOptions of(boolean wanted) {
        var options = new ResumeOptions();
        options.resume = wanted;
        return options;
    }

    /** Whether to go on. */
    boolean isWanted() {
        return resume;
    }

    /**
     * Refuses to go on with what something else has computed, unless the user allows it.
     *
     * @param state what was begun, for the message
     * @param before what has computed it
     * @param device what would compute the rest
     * @param program is told what is allowed
     * @return whether what goes on will have the bits of an undisturbed run
     */
    boolean requireSame(Object state, String before, Device device, Program program) {
        String now = device.backend().arithmetic();
        if (before.equals(now)) {
            return true;
        }
        String difference = "%s was computed on %s, here it is %s: the result would have other bits than an undisturbed run's"
                .formatted(state, before, now);
        if (!otherBits) {
            throw new ProgramException("[resume] %s; %s--allow-other-bits goes on all the same".formatted(difference, remedy(before)));
        }
        program.err().println("--allow-other-bits: " + difference);
        return false;
    }

    /** How to get the vectors that were there before. */
    private static String remedy(String before) {
        int bits = before.replaceFirst("cpu, vectors of (\\d{3}) bits", "").isEmpty() ? Integer.parseInt(before.replaceAll("\\D", "")) : 0;
        return bits == 0 ? "" : "on a processor that has them KEPT_JAVA_OPTIONS=-XX:MaxVectorSize=%d gives bin/kept vectors of %d bits, "
                .formatted(bits / Byte.SIZE, bits);
    }
}
