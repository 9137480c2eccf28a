package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops of {@link DistillationKernel} over a block of a row. {@link RowExponentials} computes the exponentials. Terms are summed as {@code p d +
 * q - p} and {@code -q d + p - q}; the added parts sum to 0. Every term is then 0 or more, and rounding errors of d are of second order, so that the
 * divergence of nearly equal rows keeps its digits. Sums add the elements after the last whole vector one by one; a mask would add them to the lanes,
 * which rounds differently.
 */
final class DivergenceMath {
    /** The value that replaces a logarithm of minus infinity where that would leave no gradient. */
    static final float LOWEST = -1e6f;

    private static final double LN2 = 0.6931471805599453;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private DivergenceMath() {}

    /**
     * The numbers that turn the logits and exponentials of a block of both rows into logarithms and probabilities: {@code p = e^a teacherFactor},
     * {@code q = e^b studentFactor} and {@code log p - log q = a - b - shift}, with {@code a = (t - teacherMax) factor} and {@code b = (s -
     * studentMax) factor}.
     *
     * @param teacherMax the teacher's largest logit
     * @param studentMax the student's largest logit
     * @param factor one over the temperature
     * @param teacherFactor the factor from the teacher's exponentials to probabilities
     * @param studentFactor the factor from the student's exponentials to probabilities
     * @param shift the logarithm of studentFactor / teacherFactor
     * @param rounding the rounding error of the shift
     */
    record Logits(float teacherMax, float studentMax, float factor, float teacherFactor, float studentFactor, float shift, double rounding) {
        /**
         * The numbers of a block.
         *
         * @param teacher the teacher's exponentials
         * @param student the student's exponentials
         * @param first the index of the block's first element in the row
         * @param factor one over the temperature
         * @return the numbers
         */
        static Logits of(RowExponentials teacher, RowExponentials student, int first, float factor) {
            double teacherScale = 1 / teacher.sum();
            double studentScale = 1 / student.sum();
            double shift = student.logFactor(first, studentScale) - teacher.logFactor(first, teacherScale);
            return new Logits(teacher.shift(first), student.shift(first), factor, teacher.factor(first, teacherScale),
                    student.factor(first, studentScale), (float) shift, shift - (float) shift);
        }
    }

    /**
     * The memory of a block of a row of both models.
     *
     * @param teacher the teacher's logits
     * @param student the student's logits
     * @param teacherExponentials the teacher's exponentials
     * @param studentExponentials the student's exponentials
     * @param count the number of elements
     */
    record Block(MemorySegment teacher, MemorySegment student, MemorySegment teacherExponentials, MemorySegment studentExponentials, int count) {}

    /**
     * Computes the forward divergence, and overwrites the student's logits with {@code slope (q - p) + share ones}.
     *
     * @param block the rows' memory
     * @param ones the student's exponentials at temperature 1
     * @param row the block's numbers
     * @param slope the divergence's part of the gradient
     * @param share the factor of the cross-entropy's part, for exponentials as they are
     * @return the sum over the block
     */
    static float forward(Block block, MemorySegment ones, Logits row, float slope, float share) {
        MemorySegment teacher = NativeView.of(block.teacher);
        MemorySegment student = NativeView.of(block.student);
        MemorySegment ps = NativeView.of(block.teacherExponentials);
        MemorySegment qs = NativeView.of(block.studentExponentials);
        int count = block.count;
        ones = NativeView.of(ones);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long at = 4L * i;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, teacher, at, ORDER).sub(row.teacherMax);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, student, at, ORDER).sub(row.studentMax);
            FloatVector d = a.sub(b).fma(FloatVector.broadcast(SPECIES, row.factor), FloatVector.broadcast(SPECIES, -row.shift));
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, ps, at, ORDER).mul(row.teacherFactor);
            FloatVector q = FloatVector.fromMemorySegment(SPECIES, qs, at, ORDER).mul(row.studentFactor);
            FloatVector difference = q.sub(p);
            FloatVector term = p.mul(d).blend(0f, p.compare(VectorOperators.EQ, 0f));
            sums = sums.add(term.add(difference));
            FloatVector one = FloatVector.fromMemorySegment(SPECIES, ones, at, ORDER).mul(share);
            difference.fma(FloatVector.broadcast(SPECIES, slope), one).intoMemorySegment(student, at, ORDER);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            long at = 4L * i;
            float p = ps.get(JAVA_FLOAT, at) * row.teacherFactor;
            float q = qs.get(JAVA_FLOAT, at) * row.studentFactor;
            sum += (p == 0f ? 0f : p * difference(teacher, student, at, row)) + (q - p);
            student.set(JAVA_FLOAT, at, Math.fma(q - p, slope, ones.get(JAVA_FLOAT, at) * share));
        }
        return sum;
    }

    private static float difference(MemorySegment teacher, MemorySegment student, long at, Logits row) {
        return Math.fma(teacher.get(JAVA_FLOAT, at) - row.teacherMax - (student.get(JAVA_FLOAT, at) - row.studentMax), row.factor, -row.shift);
    }

    /**
     * The reverse divergence and {@code u = log q - log p}, 0 where q is.
     *
     * @param block the rows' memory
     * @param u receives u
     * @param row the block's numbers
     * @return the sum over the block
     */
    static float reverse(Block block, MemorySegment u, Logits row) {
        MemorySegment teacher = NativeView.of(block.teacher);
        MemorySegment student = NativeView.of(block.student);
        MemorySegment ps = NativeView.of(block.teacherExponentials);
        MemorySegment qs = NativeView.of(block.studentExponentials);
        int count = block.count;
        u = NativeView.of(u);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long at = 4L * i;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, teacher, at, ORDER).sub(row.teacherMax).mul(row.factor);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, student, at, ORDER).sub(row.studentMax).mul(row.factor);
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, ps, at, ORDER).mul(row.teacherFactor);
            FloatVector q = FloatVector.fromMemorySegment(SPECIES, qs, at, ORDER).mul(row.studentFactor);
            FloatVector ratio = b.sub(a.blend(LOWEST, a.compare(VectorOperators.LT, LOWEST))).add(row.shift);
            ratio = ratio.blend(0f, q.compare(VectorOperators.EQ, 0f));
            ratio.intoMemorySegment(u, at, ORDER);
            sums = sums.add(q.fma(ratio, p.sub(q)));
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            long at = 4L * i;
            float a = (teacher.get(JAVA_FLOAT, at) - row.teacherMax) * row.factor;
            float b = (student.get(JAVA_FLOAT, at) - row.studentMax) * row.factor;
            float p = ps.get(JAVA_FLOAT, at) * row.teacherFactor;
            float q = qs.get(JAVA_FLOAT, at) * row.studentFactor;
            float ratio = q == 0f ? 0f : b - (a < LOWEST ? LOWEST : a) + row.shift;
            u.set(JAVA_FLOAT, at, ratio);
            sum += Math.fma(q, ratio, p - q);
        }
        return sum;
    }

    /**
     * The Jensen-Shannon divergence and {@code u = log(q / m) / 2} with {@code m = (p + q) / 2}, 0 where q is. From d = log p - log q and z = e^-|d|:
     * {@code log(q / m) = ln 2 - max(d, 0) - ln(1 + z)}, and the same for p with -d. With w = z / (z + 2), at most 1/3, {@code ln(1 + z)} is
     * {@code 2 (w + w^3/3 + w^5/5 ...)}, whose terms from the 17th power on no longer count.
     *
     * @param block the rows' memory
     * @param u receives u
     * @param row the block's numbers
     * @return the sum over the block
     */
    static float jensenShannon(Block block, MemorySegment u, Logits row) {
        MemorySegment teacher = NativeView.of(block.teacher);
        MemorySegment student = NativeView.of(block.student);
        MemorySegment ps = NativeView.of(block.teacherExponentials);
        MemorySegment qs = NativeView.of(block.studentExponentials);
        int count = block.count;
        u = NativeView.of(u);
        FloatVector sums = FloatVector.zero(SPECIES);
        FloatVector zero = sums;
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long at = 4L * i;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, teacher, at, ORDER).sub(row.teacherMax);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, student, at, ORDER).sub(row.studentMax);
            FloatVector d = a.sub(b).fma(FloatVector.broadcast(SPECIES, row.factor), FloatVector.broadcast(SPECIES, -row.shift));
            FloatVector z = VectorMath.expNonPositive(d.abs().neg());
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, ps, at, ORDER).mul(row.teacherFactor);
            FloatVector q = FloatVector.fromMemorySegment(SPECIES, qs, at, ORDER).mul(row.studentFactor);
            FloatVector w = z.div(z.add(2f));
            FloatVector y = w.mul(w);
            FloatVector s = y.fma(FloatVector.broadcast(SPECIES, 1 / 15f), FloatVector.broadcast(SPECIES, 1 / 13f));
            s = s.fma(y, FloatVector.broadcast(SPECIES, 1 / 11f));
            s = s.fma(y, FloatVector.broadcast(SPECIES, 1 / 9f));
            s = s.fma(y, FloatVector.broadcast(SPECIES, 1 / 7f));
            s = s.fma(y, FloatVector.broadcast(SPECIES, 1 / 5f));
            s = s.fma(y, FloatVector.broadcast(SPECIES, 1 / 3f));
            FloatVector rest = s.mul(y).fma(w, w).mul(-2f).add(VectorMath.LN2);
            FloatVector logQ = rest.sub(d.blend(0f, d.compare(VectorOperators.LT, 0f))).blend(zero, q.compare(VectorOperators.EQ, 0f));
            FloatVector logP = rest.add(d.blend(0f, d.compare(VectorOperators.GT, 0f))).blend(zero, p.compare(VectorOperators.EQ, 0f));
            logQ.mul(0.5f).intoMemorySegment(u, at, ORDER);
            sums = sums.add(p.mul(logP).add(q.mul(logQ)));
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            long at = 4L * i;
            float p = ps.get(JAVA_FLOAT, at) * row.teacherFactor;
            float q = qs.get(JAVA_FLOAT, at) * row.studentFactor;
            float d = difference(teacher, student, at, row);
            float rest = (float) (LN2 - StrictMath.log1p(VectorMath.expNonPositive(-Math.abs(d))));
            float logQ = q == 0f ? 0f : rest - Math.max(d, 0f);
            float logP = p == 0f ? 0f : rest + Math.min(d, 0f);
            u.set(JAVA_FLOAT, at, 0.5f * logQ);
            sum += p * logP + q * logQ;
        }
        return 0.5f * sum;
    }

    /**
     * The sum of {@code a b}.
     *
     * @param a one block
     * @param b the other's memory
     * @param count the number of elements
     * @return the sum
     */
    static float dot(MemorySegment a, MemorySegment b, int count) {
        a = NativeView.of(a);
        b = NativeView.of(b);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, a, 4L * i, ORDER);
            sums = x.fma(FloatVector.fromMemorySegment(SPECIES, b, 4L * i, ORDER), sums);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            sum = Math.fma(a.get(JAVA_FLOAT, 4L * i), b.get(JAVA_FLOAT, 4L * i), sum);
        }
        return sum;
    }

    /**
     * {@code out = slope q (u - average) + share ones}.
     *
     * @param qs the student's exponentials
     * @param u the values that were averaged
     * @param ones the student's exponentials at temperature 1
     * @param count the number of elements
     * @param average the sum of q u
     * @param slope the factor of the divergence's part, for exponentials as they are
     * @param share the factor of the cross-entropy's part
     * @param out receives the results
     */
    static void gradient(
            MemorySegment qs, MemorySegment u, MemorySegment ones, int count, float average, float slope, float share, MemorySegment out) {
        int whole = SPECIES.loopBound(count);
        gradientWhole(qs, u, ones, whole, average, slope, share, out);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            long at = 4L * whole;
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, u, at, ORDER, mask).sub(average).mul(slope);
            FloatVector one = FloatVector.fromMemorySegment(SPECIES, ones, at, ORDER, mask).mul(share);
            g.fma(FloatVector.fromMemorySegment(SPECIES, qs, at, ORDER, mask), one).intoMemorySegment(out, at, ORDER, mask);
        }
    }

    private static void gradientWhole(
            MemorySegment qs, MemorySegment u, MemorySegment ones, int count, float average, float slope, float share, MemorySegment out) {
        qs = NativeView.of(qs);
        u = NativeView.of(u);
        ones = NativeView.of(ones);
        out = NativeView.of(out);
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector g = FloatVector.fromMemorySegment(SPECIES, u, at, ORDER).sub(average).mul(slope);
            FloatVector one = FloatVector.fromMemorySegment(SPECIES, ones, at, ORDER).mul(share);
            g.fma(FloatVector.fromMemorySegment(SPECIES, qs, at, ORDER), one).intoMemorySegment(out, at, ORDER);
        }
    }
}
