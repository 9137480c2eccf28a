package kept.distributed;

import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Residence;
import kept.tensor.internal.TensorInternals;

/** A tensor of {@link DividedTensors}: this rank's part, and the whole that is gathered when it is used. */
public final class DividedTensor {
    private final Division division;
    private final Tensor whole;
    private final Tensor part;
    private final Group group;
    private final int index;
    private boolean isChanged;

    /** Tensors that are gathered together. */
    interface Group {
        /** Makes the tensors' elements present, before each use. */
        void use();

        /** Whether elements are being moved, so that a write changes nothing. */
        boolean isMoving();
    }

    /** Asks the group. */
    private final class Place implements Residence {
        @Override
        public void use() {
            group.use();
        }

        @Override
        public void written() {
            isChanged |= !group.isMoving();
        }
    }

    /**
     * A tensor of the current scope.
     *
     * @param group the group
     * @param index its number in the group
     * @param dtype the element type
     * @param shape the whole's
     * @param division which elements are whose
     * @param own this rank's part, or null if it lies in the whole, which then always has memory
     * @param rank this rank
     */
    DividedTensor(Group group, int index, DType dtype, Shape shape, Division division, Tensor own, int rank) {
        this.group = group;
        this.index = index;
        this.division = division;
        whole = TensorInternals.elsewhere(dtype, shape, new Place());
        if (own == null) {
            TensorInternals.lend(whole, Tensor.empty(dtype, shape));
        }
        part = own == null ? Operands.part(whole, division, rank) : own;
    }

    /**
     * The whole tensor, which can be used like any other.
     *
     * @return the tensor; no parameter or saved tensor needs another one
     */
    public Tensor whole() {
        return whole;
    }

    /**
     * This rank's elements. To change them, {@link DividedTensors#update} is necessary.
     *
     * @return contiguous; empty if there are fewer blocks than ranks
     */
    public Tensor part() {
        return part;
    }

    /**
     * Which elements are whose.
     *
     * @return the division of the whole
     */
    public Division division() {
        return division;
    }

    int index() {
        return index;
    }

    /** Whether the whole has been written since its parts were taken up. */
    boolean isChanged() {
        return isChanged;
    }

    void takenUp() {
        isChanged = false;
    }
}
