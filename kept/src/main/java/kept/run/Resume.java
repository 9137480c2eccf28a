package kept.run;

import kept.tensor.Device;

/** Determines whether a run resumes an earlier one. */
public enum Resume {
    /** Starts from the beginning; an unfinished run is refused or, if allowed, replaced. */
    NO,
    /** Resumes, but refuses if vectors or device differ, because the bits of the result would differ too. */
    SAME_BITS,
    /** Resumes in any case. */
    ANY_BITS;

    /** Whether an earlier run is resumed. */
    boolean isWanted() {
        return this != NO;
    }

    /**
     * Refuses to resume what another device or vector width has computed, unless that is allowed.
     *
     * @param state the unfinished run, for the message
     * @param before the backend that computed it
     * @param device the device for the rest
     * @param progress receives a note about the allowed difference
     * @return whether the result will have the bits of an uninterrupted run
     */
    boolean requireSame(Object state, String before, Device device, Progress progress) {
        String now = device.backend().arithmetic();
        if (before.equals(now)) {
            return true;
        }
        String difference = "%s was computed on %s, here it is %s: the result would have other bits than an uninterrupted run's"
                .formatted(state, before, now);
        if (this != ANY_BITS) {
            throw new RunException("[resume] %s; %s--allow-other-bits continues nevertheless".formatted(difference, remedy(before)));
        }
        progress.note("--allow-other-bits: " + difference);
        return false;
    }

    /** The option that gives the vectors of the earlier run. */
    private static String remedy(String before) {
        int bits = before.replaceFirst("cpu, vectors of (\\d{3}) bits", "").isEmpty() ? Integer.parseInt(before.replaceAll("\\D", "")) : 0;
        return bits == 0 ? "" : "on a processor that has them KEPT_JAVA_OPTIONS=-XX:MaxVectorSize=%d gives bin/kept vectors of %d bits, "
                .formatted(bits / Byte.SIZE, bits);
    }
}
