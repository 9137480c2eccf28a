package kept.run;

import kept.tensor.Device;

/** Whether a run goes on with what an earlier one has begun. */
public enum Resume {
    /** Starts anew; what is begun is refused, or replaced where that is allowed. */
    NO,
    /** Goes on, and refuses to where the result would have other bits than an undisturbed run's: other vectors, or another device. */
    SAME_BITS,
    /** Goes on in any case. */
    ANY_BITS;

    /** Whether to go on. */
    boolean isWanted() {
        return this != NO;
    }

    /**
     * Refuses to go on with what something else has computed, unless that is allowed.
     *
     * @param state what was begun, for the message
     * @param before what has computed it
     * @param device what would compute the rest
     * @param progress is told what is allowed
     * @return whether what goes on will have the bits of an undisturbed run
     */
    boolean requireSame(Object state, String before, Device device, Progress progress) {
        String now = device.backend().arithmetic();
        if (before.equals(now)) {
            return true;
        }
        String difference = "%s was computed on %s, here it is %s: the result would have other bits than an undisturbed run's"
                .formatted(state, before, now);
        if (this != ANY_BITS) {
            throw new RunException("[resume] %s; %s--allow-other-bits goes on all the same".formatted(difference, remedy(before)));
        }
        progress.remark("--allow-other-bits: " + difference);
        return false;
    }

    /** How to get the vectors that were there before. */
    private static String remedy(String before) {
        int bits = before.replaceFirst("cpu, vectors of (\\d{3}) bits", "").isEmpty() ? Integer.parseInt(before.replaceAll("\\D", "")) : 0;
        return bits == 0 ? "" : "on a processor that has them KEPT_JAVA_OPTIONS=-XX:MaxVectorSize=%d gives bin/kept vectors of %d bits, "
                .formatted(bits / Byte.SIZE, bits);
    }
}
