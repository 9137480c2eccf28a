package kept.backend;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/**
 * The plain formulas of the row kernels, one element after another. With no rounding they are the float64 reference; with rounding to f32 after every
 * operation they are the plain f32 computation, whose error is the yardstick for a kernel's.
 */
final class RowReference {
    /** Double precision throughout. */
    static final RowReference EXACT = new RowReference(x -> x);
    /** Every operation rounded to f32. */
    static final RowReference PLAIN = new RowReference(x -> (float) x);

    private final DoubleUnaryOperator rounding;

    private RowReference(DoubleUnaryOperator rounding) {
        this.rounding = rounding;
    }

    private double r(double x) {
        return rounding.applyAsDouble(x);
    }

    private static double[] row(double[] x, int row, int width) {
        return Arrays.copyOfRange(x, row * width, (row + 1) * width);
    }

    private double sum(double[] x) {
        double sum = 0;
        for (double value : x) {
            sum = r(sum + value);
        }
        return sum;
    }

    private static double max(double[] x) {
        return Arrays.stream(x).max().orElseThrow();
    }

    private double[] exponentials(double[] x, double temperature) {
        double max = max(x);
        double[] e = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            e[i] = r(Math.exp(r(r(x[i] - max) / temperature)));
        }
        return e;
    }

    double[] softmax(double[] x, int width) {
        double[] out = new double[x.length];
        for (int row = 0; row * width < x.length; row++) {
            double[] e = exponentials(row(x, row, width), 1);
            double sum = sum(e);
            for (int i = 0; i < width; i++) {
                out[row * width + i] = r(e[i] / sum);
            }
        }
        return out;
    }

    double[] logSoftmax(double[] x, int width) {
        double[] out = new double[x.length];
        for (int row = 0; row * width < x.length; row++) {
            double[] values = row(x, row, width);
            double[] l = logSoftmaxRow(values, 1);
            System.arraycopy(l, 0, out, row * width, width);
        }
        return out;
    }

    private double[] logSoftmaxRow(double[] x, double temperature) {
        double max = max(x);
        double log = r(Math.log(sum(exponentials(x, temperature))));
        double[] out = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = r(r(r(x[i] - max) / temperature) - log);
        }
        return out;
    }

    double[] softmaxGradient(double[] gradient, double[] y, int width) {
        double[] dx = new double[y.length];
        for (int row = 0; row * width < y.length; row++) {
            double[] products = new double[width];
            for (int i = 0; i < width; i++) {
                products[i] = r(gradient[row * width + i] * y[row * width + i]);
            }
            double dot = sum(products);
            for (int i = row * width; i < (row + 1) * width; i++) {
                dx[i] = r(r(gradient[i] - dot) * y[i]);
            }
        }
        return dx;
    }

    double[] logSoftmaxGradient(double[] gradient, double[] y, int width) {
        double[] dx = new double[y.length];
        for (int row = 0; row * width < y.length; row++) {
            double sum = sum(row(gradient, row, width));
            for (int i = row * width; i < (row + 1) * width; i++) {
                dx[i] = r(gradient[i] - r(r(Math.exp(y[i])) * sum));
            }
        }
        return dx;
    }

    double[] logSumExp(double[] x, int width) {
        double[] out = new double[x.length / width];
        for (int row = 0; row < out.length; row++) {
            double[] values = row(x, row, width);
            out[row] = r(max(values) + r(Math.log(sum(exponentials(values, 1)))));
        }
        return out;
    }

    double[] layerNorm(double[] x, double[] weight, double[] bias, double epsilon) {
        int width = weight.length;
        double[] out = new double[x.length];
        for (int row = 0; row * width < x.length; row++) {
            double[] values = row(x, row, width);
            double mean = r(sum(values) / width);
            double[] squares = new double[width];
            for (int i = 0; i < width; i++) {
                squares[i] = r(r(values[i] - mean) * r(values[i] - mean));
            }
            double rstd = r(1 / r(Math.sqrt(r(r(sum(squares) / width) + epsilon))));
            for (int i = 0; i < width; i++) {
                out[row * width + i] = r(r(r(r(values[i] - mean) * rstd) * weight[i]) + bias[i]);
            }
        }
        return out;
    }

    double[] rmsNorm(double[] x, double[] weight, double epsilon) {
        int width = weight.length;
        double[] out = new double[x.length];
        for (int row = 0; row * width < x.length; row++) {
            double[] squares = row(x, row, width);
            for (int i = 0; i < width; i++) {
                squares[i] = r(squares[i] * squares[i]);
            }
            double rstd = r(1 / r(Math.sqrt(r(r(sum(squares) / width) + epsilon))));
            for (int i = 0; i < width; i++) {
                out[row * width + i] = r(r(x[row * width + i] * rstd) * weight[i]);
            }
        }
        return out;
    }

    /** x is [batch, sequence, heads, D], dense. */
    double[] rotary(double[] x, int sequence, int heads, int width, double[] cos, double[] sin, double sign) {
        double[] out = new double[x.length];
        int half = width / 2;
        for (int head = 0; head * width < x.length; head++) {
            int angle = head / heads % sequence * half;
            for (int i = 0; i < half; i++) {
                int first = head * width + i;
                double c = cos[angle + i];
                double s = sign * sin[angle + i];
                out[first] = r(r(x[first] * c) - r(x[first + half] * s));
                out[first + half] = r(r(x[first + half] * c) + r(x[first] * s));
            }
        }
        return out;
    }

    double[] swiGlu(double[] gate, double[] up) {
        double[] out = new double[gate.length];
        for (int i = 0; i < gate.length; i++) {
            out[i] = r(r(gate[i] / r(1 + r(Math.exp(-gate[i])))) * up[i]);
        }
        return out;
    }

    double crossEntropy(double[] logits, long label) {
        return label < 0 ? 0 : -logSoftmaxRow(logits, 1)[(int) label];
    }

    double divergence(Divergence divergence, double temperature, double[] teacher, double[] student) {
        double[] logP = logSoftmaxRow(teacher, temperature);
        double[] logQ = logSoftmaxRow(student, temperature);
        double[] terms = new double[logP.length];
        for (int i = 0; i < terms.length; i++) {
            double p = r(Math.exp(logP[i]));
            double q = r(Math.exp(logQ[i]));
            double logM = r(Math.log(r(r(p + q) / 2)));
            terms[i] = switch (divergence) {
                case FORWARD_KL -> p == 0 ? 0 : r(p * r(logP[i] - logQ[i]));
                case REVERSE_KL -> q == 0 ? 0 : r(q * r(logQ[i] - logP[i]));
                case JENSEN_SHANNON -> r((p == 0 ? 0 : p * r(logP[i] - logM)) + (q == 0 ? 0 : q * r(logQ[i] - logM))) / 2;
            };
        }
        return sum(terms);
    }

    /** The divergence from a distribution of which some tokens are known, and the probability of the rest. */
    double sparseDivergence(double temperature, double[] student, int[] tokens, double[] probabilities, double rest, double entropy) {
        double[] logQ = logSoftmaxRow(student, temperature);
        boolean[] isKnown = new boolean[student.length];
        double sum = -entropy;
        for (int i = 0; i < tokens.length; i++) {
            if (probabilities[i] != 0) {
                isKnown[tokens[i]] = true;
                sum = r(sum - r(probabilities[i] * logQ[tokens[i]]));
            }
        }
        double others = 0;
        for (int i = 0; i < student.length; i++) {
            others = isKnown[i] ? others : r(others + r(Math.exp(logQ[i])));
        }
        return rest == 0 ? sum : r(sum - r(rest * r(Math.log(others))));
    }

    double distillation(DistillationObjective objective, double[] teacher, double[] student, long label) {
        double t = objective.temperature();
        double w = objective.crossEntropyWeight();
        return r((1 - w) * t * t * divergence(objective.divergence(), t, teacher, student) + (w == 0 ? 0 : w * crossEntropy(student, label)));
    }
}
