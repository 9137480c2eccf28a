package kept.nn;

import java.util.List;

/** The formulas of {@link RopeScaling}, in double precision. */
final class RotaryFrequencies {
    private RotaryFrequencies() {}

    /**
     * The inverse frequencies for sequences of one length.
     *
     * @param d the head dimension
     * @param theta the base
     * @param scaling the scaling of frequencies
     * @param sequence the number of positions; only dynamic NTK and LongRoPE scaling use it
     * @return f_i for i below {@code d / 2}, in radians per position
     */
    static double[] of(int d, double theta, RopeScaling scaling, long sequence) {
        return switch (scaling) {
            case RopeScaling.None _ -> plain(d, theta);
            case RopeScaling.Linear linear -> linear(d, theta, linear);
            case RopeScaling.DynamicNtk dynamic -> plain(d, dynamicTheta(d, theta, dynamic, sequence));
            case RopeScaling.Llama3 llama -> llama3(d, theta, llama);
            case RopeScaling.Yarn yarn -> yarn(d, theta, yarn);
            case RopeScaling.LongRope rope -> longRope(d, theta, sequence > rope.originalMaxPositions() ? rope.longFactors() : rope.shortFactors());
        };
    }

    /** The factor of cosines and sines. */
    static double magnitude(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.Yarn yarn -> yarn.attentionFactor();
            case RopeScaling.LongRope rope -> rope.attentionFactor();
            case RopeScaling.None _, RopeScaling.Linear _, RopeScaling.DynamicNtk _, RopeScaling.Llama3 _ -> 1;
        };
    }

    /** The longest sequence whose frequencies do not depend on its length. */
    static long lengthOfOneTable(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.DynamicNtk dynamic -> dynamic.originalMaxPositions();
            case RopeScaling.LongRope rope when !rope.shortFactors().equals(rope.longFactors()) -> rope.originalMaxPositions();
            case RopeScaling.None _, RopeScaling.Linear _, RopeScaling.Llama3 _, RopeScaling.Yarn _, RopeScaling.LongRope _ -> Long.MAX_VALUE;
        };
    }

    private static double[] plain(int d, double theta) {
        double[] frequencies = new double[d / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / d);
        }
        return frequencies;
    }

    private static double[] linear(int d, double theta, RopeScaling.Linear linear) {
        double[] frequencies = plain(d, theta);
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] /= linear.factor();
        }
        return frequencies;
    }

    private static double[] longRope(int d, double theta, List<Double> factors) {
        double[] frequencies = plain(d, theta);
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] /= factors.get(i);
        }
        return frequencies;
    }

    private static double dynamicTheta(int d, double theta, RopeScaling.DynamicNtk dynamic, long sequence) {
        double original = dynamic.originalMaxPositions();
        double length = Math.max(sequence, original);
        return theta * Math.pow(dynamic.factor() * length / original - (dynamic.factor() - 1), d / (d - 2.0));
    }

    private static double[] llama3(int d, double theta, RopeScaling.Llama3 llama) {
        double[] frequencies = plain(d, theta);
        double low = llama.lowFrequencyFactor();
        double high = llama.highFrequencyFactor();
        for (int i = 0; i < frequencies.length; i++) {
            double turns = llama.originalMaxPositions() * frequencies[i] / (2 * Math.PI);
            double kept = Math.clamp((turns - low) / (high - low), 0.0, 1.0);
            frequencies[i] = (1 - kept) * frequencies[i] / llama.factor() + kept * frequencies[i];
        }
        return frequencies;
    }

    private static double[] yarn(int d, double theta, RopeScaling.Yarn yarn) {
        double[] frequencies = plain(d, theta);
        double low = yarnIndex(d, theta, yarn, yarn.betaFast());
        double high = yarnIndex(d, theta, yarn, yarn.betaSlow());
        if (yarn.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, d - 1);
        if (low == high) {
            high += 0.001;
        }
        for (int i = 0; i < frequencies.length; i++) {
            double interpolated = Math.clamp((i - low) / (high - low), 0.0, 1.0);
            frequencies[i] = frequencies[i] / yarn.factor() * interpolated + frequencies[i] * (1 - interpolated);
        }
        return frequencies;
    }

    /** The index of the pair with the given number of rotations over the original context. */
    private static double yarnIndex(int d, double theta, RopeScaling.Yarn yarn, double turns) {
        return d * Math.log(yarn.originalMaxPositions() / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
}
