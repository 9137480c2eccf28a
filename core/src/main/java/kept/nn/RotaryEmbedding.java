package kept.nn;

import java.util.List;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864): position p rotates the pair of features i and {@code i + D / 2} by the angle {@code p
 * f_i}. f_i are the inverse frequencies, which a {@link RopeScaling} may change. Sines and cosines are computed in double precision, rounded to F32
 * and cached on the device in a table that grows with the longest sequence; {@link #close} frees it. This class is thread-safe.
 */
public final class RotaryEmbedding implements AutoCloseable {
    /** Far more than any model has. */
    private static final int MAX_DIMENSIONS = 1 << 16;

    private final int headDimension;
    private final double theta;
    private final RopeScaling scaling;
    private final long maxPositions;
    /** Owns every table, so that angles returned earlier stay valid when the table grows. */
    private Scope scope;

    private Angles table;

    /**
     * Creates the embedding for a head dimension.
     *
     * @param headDimension D, even: the features of a head that are rotated, all or the first ones
     * @param theta the base of the frequencies, above 0
     * @param scaling the scaling of frequencies
     * @param maxPositions the maximum number of positions
     * @throws TensorException if a number is out of range
     */
    public RotaryEmbedding(int headDimension, double theta, RopeScaling scaling, long maxPositions) {
        if (headDimension < 2 || headDimension % 2 != 0 || headDimension > MAX_DIMENSIONS) {
            throw new TensorException("[rotary embedding] the head dimension must be even, from 2 to %d, not %d"
                    .formatted(MAX_DIMENSIONS, headDimension));
        }
        if (!(theta > 0) || Double.isInfinite(theta)) {
            throw new TensorException("[rotary embedding] theta must be a finite number above 0, not " + theta);
        }
        this.headDimension = headDimension;
        this.theta = theta;
        this.scaling = Arguments.present("rotary embedding", "scaling", scaling);
        if (scaling instanceof RopeScaling.LongRope rope && rope.shortFactors().size() != headDimension / 2) {
            throw new TensorException("[rotary embedding] %d features need %d factors, not %d"
                    .formatted(headDimension, headDimension / 2, rope.shortFactors().size()));
        }
        this.maxPositions = maxPositions;
    }

    /**
     * The cosines and sines of consecutive positions at the end of a sequence.
     *
     * @param firstPosition the first position, from 0
     * @param length the number of positions
     * @return tables {@code [length, D / 2]}; see {@link #angles(long, long, long)}
     * @throws ShapeException if a position is beyond the maximum
     */
    public Angles angles(long firstPosition, long length) {
        return angles(firstPosition, length, firstPosition + length);
    }

    /**
     * The cosines and sines of consecutive positions of a sequence, on the device of the scope that was current at the first call.
     *
     * @param firstPosition the first position, from 0
     * @param length the number of positions
     * @param sequence the length of the whole sequence, including positions of later calls; dynamic NTK and LongRoPE scaling depend on it
     * @return tables {@code [length, D / 2]}, valid until this object is closed or, beyond the original positions of such a scaling, the current
     *     scope is
     * @throws ShapeException if a position is beyond the maximum
     */
    public Angles angles(long firstPosition, long length, long sequence) {
        long end = firstPosition + length;
        if (firstPosition < 0 || length < 0 || end < 0 || sequence < end || sequence > maxPositions) {
            throw new ShapeException("[rotary embedding] positions %d to %d lie outside the model's %d; shorten the sequence"
                    .formatted(firstPosition, Math.max(sequence, end) - 1, maxPositions));
        }
        if (sequence > RotaryFrequencies.lengthOfOneTable(scaling)) {
            return compute(firstPosition, length, sequence);
        }
        return tableOf(sequence).slice(firstPosition, length);
    }

    /** Synchronized, because several threads that share a model may need a longer table at the same time. */
    private synchronized Angles tableOf(long sequence) {
        if (table == null || table.length() < sequence) {
            table = grow(sequence);
        }
        return table;
    }

    private Angles grow(long end) {
        if (scope == null) {
            scope = Scope.detached(Scope.current().device());
        }
        long longest = Math.min(maxPositions, RotaryFrequencies.lengthOfOneTable(scaling));
        long length = table == null ? end : Math.min(longest, Math.max(end, 2 * table.length()));
        return scope.run(() -> compute(0, length, length));
    }

    private Angles compute(long firstPosition, long length, long sequence) {
        double[] frequencies = RotaryFrequencies.of(headDimension, theta, scaling, sequence);
        double magnitude = RotaryFrequencies.magnitude(scaling);
        int half = frequencies.length;
        if (length > (Integer.MAX_VALUE - 8) / half) {
            throw new ShapeException("[rotary embedding] %d positions of %d frequencies are more than an array holds; shorten the sequence"
                    .formatted(length, half));
        }
        float[] cos = new float[(int) length * half];
        float[] sin = new float[cos.length];
        for (int row = 0, at = 0; row < length; row++) {
            for (double frequency : frequencies) {
                double angle = (firstPosition + row) * frequency;
                cos[at] = (float) (magnitude * Math.cos(angle));
                sin[at++] = (float) (magnitude * Math.sin(angle));
            }
        }
        return new Angles(Tensor.of(cos, length, half), Tensor.of(sin, length, half));
    }

    /** Frees the tables; the next call of {@link #angles} creates new ones. */
    @Override
    public synchronized void close() {
        if (scope != null) {
            scope.close();
            scope = null;
            table = null;
        }
    }

    /**
     * The cosines and sines of positions.
     *
     * @param cos {@code [length, D / 2]}, F32, contiguous
     * @param sin {@code [length, D / 2]}, F32, contiguous
     */
    public record Angles(Tensor cos, Tensor sin) {
        /**
         * Joins angles of arbitrary positions.
         *
         * @param parts the angles, in order
         * @return all of them, owned by the current scope
         */
        public static Angles concat(List<Angles> parts) {
            for (Angles part : Arguments.present("rotary embedding", "the list of angles", parts)) {
                Arguments.present("rotary embedding", "an element of the list of angles", part);
            }
            return new Angles(Tensor.concat(0, parts.stream().map(Angles::cos).toArray(Tensor[]::new)),
                    Tensor.concat(0, parts.stream().map(Angles::sin).toArray(Tensor[]::new)));
        }

        /**
         * The number of positions.
         *
         * @return the length
         */
        public long length() {
            return cos.size(0);
        }

        /** The angles of one of the positions. */
        Angles position(long index) {
            return slice(index, 1);
        }

        private Angles slice(long first, long length) {
            return new Angles(rows(cos, first, length), rows(sin, first, length));
        }

        private static Tensor rows(Tensor table, long first, long length) {
            return TensorMemory.view(table, Shape.of(length, table.size(1)), table.strides(), table.offset() + first * table.size(1));
        }
    }
}
