package kept.tensor;

import java.util.Arrays;
import kept.autograd.Autograd;
import kept.autograd.operation.EmbeddingLookup;
import kept.autograd.operation.Gather;
import kept.autograd.operation.ScatterAdd;
import kept.tensor.internal.Arguments;

/**
 * Operations of a {@link Tensor} that choose elements by index. Indices count from 0.
 */
public sealed interface Indexing permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * Chooses elements by index along one axis: {@code out[..., i, ...] = this[..., index[..., i, ...], ...]}.
     *
     * @param axis the axis; negative counts from the last
     * @param index I32 or I64, of this rank; along other axes no larger than this
     * @return a tensor of the index's shape and this dtype
     * @throws ShapeException if the index does not fit or lies outside the axis
     * @throws DTypeException if the index is neither I32 nor I64
     */
    default Tensor gather(int axis, Tensor index) {
        return Autograd.apply(new Gather(axis), self(), index);
    }

    /**
     * Adds elements at indices along one axis: a copy of this with {@code out[..., index[..., i, ...], ...] += source[..., i, ...]}. Equal indices
     * add up.
     *
     * @param axis the axis; negative counts from the last
     * @param index I32 or I64, of this rank; along other axes no larger than this
     * @param source the terms to add, of the index's shape
     * @return a tensor of this shape
     * @throws ShapeException if the index does not fit or lies outside the axis
     * @throws DTypeException if the index is neither I32 nor I64, or the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor scatterAdd(int axis, Tensor index, Tensor source) {
        return Autograd.apply(new ScatterAdd(axis), self(), index, source);
    }

    /**
     * Looks up rows of this table {@code [vocabulary, width]}.
     *
     * @param index I32 or I64, any shape {@code [...]}
     * @return {@code [..., width]}, of this dtype
     * @throws ShapeException if this has not two axes, or an index lies outside the table
     * @throws DTypeException if the index is neither I32 nor I64
     */
    default Tensor embedding(Tensor index) {
        return Autograd.apply(new EmbeddingLookup(), self(), index);
    }

    /**
     * Selects slices along one axis by their indices: {@code out[..., i, ...] = this[..., index[i], ...]}.
     *
     * @param axis the axis; negative counts from the last
     * @param index I32 or I64, {@code [n]}
     * @return a tensor of this shape and dtype, but n along the axis
     * @throws ShapeException if the index has not one axis or lies outside this one
     * @throws DTypeException if the index is neither I32 nor I64
     */
    default Tensor indexSelect(int axis, Tensor index) {
        Arguments.usable("indexSelect", self(), index);
        int along = Arguments.axis("indexSelect", self().shape(), axis);
        if (!index.dtype().isIndex()) {
            throw new DTypeException("[indexSelect] indices must be i32 or i64, not " + index.dtype().label());
        }
        if (index.rank() != 1) {
            throw new ShapeException("[indexSelect] the index must have one axis, not " + index.shape());
        }
        Shape shape = self().shape().with(along, index.size(0));
        long[] alongAxis = new long[shape.rank()];
        Arrays.fill(alongAxis, 1);
        alongAxis[along] = index.size(0);
        return gather(along, index.reshape(alongAxis).expand(shape));
    }
}
