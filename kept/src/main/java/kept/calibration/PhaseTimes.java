package kept.calibration;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Where the time of a calibration goes. */
final class PhaseTimes {
    private final Map<Phase, Long> nanos = new EnumMap<>(Phase.class);

    /** What there is to do. */
    enum Phase {
        /** All anchors that are tried. */
        TRIALS("trials of anchors"),
        /** The teacher's stream through what lies behind a norm. */
        TEACHER("teacher"),
        /** The student's, whose weights are made first. */
        STUDENT("student"),
        /** Both norms, and sums of products of what they give. */
        SUMS("sums of norms"),
        /** The choice of a ridge, and a solution. */
        EQUATIONS("equations");

        private final String label;

        Phase(String label) {
            this.label = label;
        }
    }

    PhaseTimes() {}

    /** Does something in a phase. */
    <T> T of(Phase phase, Supplier<T> work) {
        long start = System.nanoTime();
        T result = work.get();
        nanos.merge(phase, System.nanoTime() - start, Long::sum);
        return result;
    }

    /** Does something in a phase. */
    void of(Phase phase, Runnable work) {
        of(phase, () -> {
            work.run();
            return null;
        });
    }

    /** The phases and their seconds, in one line. */
    String inWords() {
        return Arrays.stream(Phase.values()).filter(nanos::containsKey)
                .map(phase -> "%s %.1f s".formatted(phase.label, nanos.get(phase) / 1e9)).collect(Collectors.joining(", "));
    }
}
