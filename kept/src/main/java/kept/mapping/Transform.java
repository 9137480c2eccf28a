package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The computation of a target tensor from its sources. */
public interface Transform {
    /** NPM: the module is the same in both architectures, and its tensor is copied bit for bit. */
    Transform COPY = new Verbatim("NPM");
    /** OPM: an RMSNorm's weight is the LayerNorm's weight, which is the best choice per channel for features of zero mean. */
    Transform NORM_WEIGHT = new Verbatim("OPM");
    /** A tensor of a student that is given, bit for bit. */
    Transform GIVEN = new Verbatim("given");

    /**
     * The method that the transform belongs to, for the report.
     *
     * @return its abbreviation or name
     */
    String method();

    /**
     * Whether the target equals its only source, so that its bytes can be copied.
     *
     * @return false if it must be computed
     */
    default boolean isVerbatim() {
        return false;
    }

    /**
     * Computes the target.
     *
     * @param sources the row's sources in its order, F32; verbatim transforms have one, of any floating dtype
     * @param shape the target's shape
     * @return the target, F32 if it was computed, in the current scope
     */
    Tensor apply(List<Tensor> sources, Shape shape);

    /**
     * A copy of one source.
     *
     * @param method the method it belongs to
     */
    record Verbatim(String method) implements Transform {
        @Override
        public boolean isVerbatim() {
            return true;
        }

        @Override
        public Tensor apply(List<Tensor> sources, Shape shape) {
            return sources.getFirst();
        }
    }
}
