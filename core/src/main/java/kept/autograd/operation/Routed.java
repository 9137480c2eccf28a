package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The gradients of an operation that is a part of another one, whose operands have other indices there. */
final class Routed implements Gradients {
    /** The index of an operand that needs no gradient. */
    static final int NONE = -1;

    private final Gradients whole;
    private final boolean isIncoming;
    private final int[] indices;

    /**
     * Gradients of a part.
     *
     * @param whole those of the whole
     * @param isIncoming whether the part's backward takes the gradient that the whole's takes
     * @param indices of each of the part's operands in the whole, or {@link #NONE}
     */
    Routed(Gradients whole, boolean isIncoming, int... indices) {
        this.whole = whole;
        this.isIncoming = isIncoming;
        this.indices = indices;
    }

    @Override
    public boolean isNeeded(int input) {
        return indices[input] != NONE && whole.isNeeded(indices[input]);
    }

    @Override
    public boolean owns(Tensor gradient) {
        return whole.owns(gradient);
    }

    @Override
    public DType type(int input) {
        return whole.type(indices[input]);
    }

    @Override
    public void add(int input, Tensor gradient) {
        if (isNeeded(input)) {
            whole.add(indices[input], gradient);
        }
    }

    @Override
    public Tensor accumulator(int input) {
        return whole.accumulator(indices[input]);
    }

    @Override
    public Tensor rounded() {
        return isIncoming ? whole.rounded() : null;
    }
}
