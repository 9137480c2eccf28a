package kept.backend;

/** The error function in double precision, which the JDK lacks. */
final class ErrorFunction {
    /** From here on erf rounds to 1. */
    private static final double ONE = 6;

    private ErrorFunction() {}

    /**
     * {@code erf x = 2 / sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (1 3 5 ... (2n+1))}, whose terms all have the sign of x (Abramowitz and Stegun 7.1.6).
     *
     * @param x the argument
     * @return erf x
     */
    static double erf(double x) {
        if (!(Math.abs(x) < ONE)) {
            return Double.isNaN(x) ? x : Math.copySign(1, x);
        }
        double term = x;
        double sum = x;
        for (int n = 1; Math.abs(term) > Math.ulp(sum) / 4; n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }
}
