package kept.model;

import kept.nn.RopeScaling;

/** The scalings of rotary positions in words. */
final class RopeScalingNames {
    private RopeScalingNames() {}

    /** The value of {@code rope_type} in config.json. */
    static String type(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.None _ -> "default";
            case RopeScaling.Linear _ -> "linear";
            case RopeScaling.DynamicNtk _ -> "dynamic";
            case RopeScaling.Llama3 _ -> "llama3";
            case RopeScaling.Yarn _ -> "yarn";
            case RopeScaling.LongRope _ -> "longrope";
        };
    }

    /** The scaling with its main numbers, such as {@code yarn (factor 4.0, from 4096 positions)}. */
    static String inWords(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.None _ -> "not scaled";
            case RopeScaling.Linear linear -> "linear (factor %s)".formatted(linear.factor());
            case RopeScaling.DynamicNtk dynamic -> withFactor(scaling, dynamic.factor(), dynamic.originalMaxPositions());
            case RopeScaling.Llama3 llama3 -> withFactor(scaling, llama3.factor(), llama3.originalMaxPositions());
            case RopeScaling.Yarn yarn -> withFactor(scaling, yarn.factor(), yarn.originalMaxPositions());
            case RopeScaling.LongRope rope -> "longrope (%d factors, from %d positions)".formatted(
                rope.shortFactors().size(), rope.originalMaxPositions());
        };
    }

    private static String withFactor(RopeScaling scaling, double factor, int positions) {
        return "%s (factor %s, from %d positions)".formatted(type(scaling), factor, positions);
    }
}
