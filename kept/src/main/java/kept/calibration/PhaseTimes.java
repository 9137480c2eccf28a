package kept.calibration;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Measures the time of each phase of a calibration. */
final class PhaseTimes {
    private final Map<Phase, Long> nanos = new EnumMap<>(Phase.class);

    /** The phases. */
    enum Phase {
        /** Evaluation of candidate anchors. */
        TRIALS("trials of anchors"),
        /** The teacher's residual stream through attention and MLP. */
        TEACHER("teacher"),
        /** The student's, including the computation of its weights. */
        STUDENT("student"),
        /** Both norms, and the sums of products of their outputs. */
        SUMS("sums of norms"),
        /** The choice of the ridge, and the solution. */
        EQUATIONS("equations");

        private final String label;

        Phase(String label) {
            this.label = label;
        }
    }

    PhaseTimes() {}

    /** Runs work in a phase. */
    <T> T of(Phase phase, Supplier<T> work) {
        long start = System.nanoTime();
        T result = work.get();
        nanos.merge(phase, System.nanoTime() - start, Long::sum);
        return result;
    }

    /** Runs work in a phase. */
    void of(Phase phase, Runnable work) {
        of(phase, () -> {
            work.run();
            return null;
        });
    }

    /** Describes the phases and their seconds in one line. */
    String inWords() {
        return Arrays.stream(Phase.values()).filter(nanos::containsKey)
                .map(phase -> "%s %.1f s".formatted(phase.label, nanos.get(phase) / 1e9)).collect(Collectors.joining(", "));
    }
}
