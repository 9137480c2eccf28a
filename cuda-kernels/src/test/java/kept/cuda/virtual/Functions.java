package kept.cuda.virtual;

/** Functional interfaces for arithmetic that the Java library does not have. A word is a register of up to 32 bits. */
final class Functions {
    private Functions() {}

    /** A function of three words. */
    interface Int3 {
        int apply(int a, int b, int c);
    }

    /** A function of four words. */
    interface Int4 {
        int apply(int a, int b, int c, int e);
    }

    /** A function of two words whose result is a long. */
    interface IntsToLong {
        long apply(int a, int b);
    }

    /** A function of two words and a long. */
    interface WideMad {
        long apply(int a, int b, long c);
    }

    /** A function of three longs. */
    interface Long3 {
        long apply(long a, long b, long c);
    }

    /** A function of a long and a word. */
    interface LongInt {
        long apply(long a, int b);
    }

    /** A function of a long and two words. */
    interface LongInt2 {
        long apply(long a, int b, int c);
    }

    /** A function of two longs and two words. */
    interface Long2Int2 {
        long apply(long a, long b, int c, int e);
    }

    /** A function of an f32. */
    interface Float1 {
        float apply(float a);
    }

    /** A function of two f32. */
    interface Float2 {
        float apply(float a, float b);
    }

    /** A function of three f32. */
    interface Float3 {
        float apply(float a, float b, float c);
    }

    /** A function of three f64. */
    interface Double3 {
        double apply(double a, double b, double c);
    }

    /** A comparison of two words. */
    interface IntTest {
        boolean test(int a, int b);
    }

    /** A comparison of two longs. */
    interface LongTest {
        boolean test(long a, long b);
    }
}
