package kept.tensor;

import kept.backend.Binary;
import kept.tensor.internal.Arguments;

/**
 * Operations that overwrite elements of a {@link Tensor}. None of them is recorded. Memory that a recorded operation has read must not change before
 * its backward pass, which otherwise throws a {@link TensorException}. Elements must not share memory, as those of an expanded view do.
 *
 * <p>In-place arithmetic ({@link #addInPlace(Tensor)} and the like) would lose a gradient, so it is refused while operations are recorded and a
 * tensor requires one. Update parameters within {@link kept.autograd.Autograd#withoutRecording}; use {@link Elementwise#add(Tensor)} where a gradient
 * is needed.
 */
public sealed interface InPlace permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * Sets every element.
     *
     * @param value the value, converted to the dtype
     * @return this tensor
     * @throws ShapeException if {@linkplain Views#hasRepeatedElements elements share memory}
     */
    default Tensor fill(double value) {
        self().backend().fill(self(), value);
        return self();
    }

    /**
     * Sets one element.
     *
     * @param value the value, rounded to a floating dtype
     * @param index an index for each axis; negative ones count from the end
     * @return this tensor
     * @throws ShapeException if there is no such element, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that the value does not fit
     */
    default Tensor set(double value, long... index) {
        Tensor element = Layouts.element("set", self(), index);
        KernelCall.checkWritable("set", self());
        Arguments.fits("set", value, self().dtype());
        element.fill(value);
        return self();
    }

    /**
     * Overwrites the elements with those of another tensor, as they were before the call, converted to this dtype.
     *
     * @param source a tensor of this device that broadcasts to this shape; it may be a view of the same memory
     * @return this tensor
     * @throws ShapeException if the source does not broadcast to this shape, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DeviceException if it lives on another device
     */
    default Tensor assign(Tensor source) {
        Tensor target = self();
        Arguments.present("assign", "the source", source);
        if (source.device() != target.device()) {
            throw new DeviceException("[assign] the source lives on %s, this tensor on %s; copy it over by way of the host"
                    .formatted(source.device(), target.device()));
        }
        KernelCall.checkWritable("assign", target);
        Tensor stretched = source.alias(target.shape(), source.expandedStrides(target.shape(), "assign"), source.offset());
        target.backend().copy(stretched, target);
        return target;
    }

    /**
     * Adds another tensor, in place: {@code this += other}. Computed in the arithmetic of the common dtype and rounded once.
     *
     * @param other a tensor that broadcasts to this shape; it may be a view of the same memory
     * @return this tensor
     * @throws ShapeException if it does not broadcast to this shape, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that does not hold the other's numbers
     * @throws TensorException if one of the two requires a gradient and operations are recorded
     */
    default Tensor addInPlace(Tensor other) {
        return Updates.apply("addInPlace", Binary.ADD, self(), other);
    }

    /**
     * Adds a number, in place: {@code this += value}.
     *
     * @param value the number
     * @return this tensor
     * @throws ShapeException if {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that the number does not fit
     * @throws TensorException if this requires a gradient and operations are recorded
     */
    default Tensor addInPlace(double value) {
        Arguments.fits("addInPlace", value, self().dtype());
        return addInPlace(Tensor.scalar(value, self().dtype().arithmetic()));
    }

    /**
     * Subtracts another tensor, in place: {@code this -= other}. Computed in the arithmetic of the common dtype and rounded once.
     *
     * @param other a tensor that broadcasts to this shape; it may be a view of the same memory
     * @return this tensor
     * @throws ShapeException if it does not broadcast to this shape, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that does not hold the other's numbers
     * @throws TensorException if one of the two requires a gradient and operations are recorded
     */
    default Tensor subInPlace(Tensor other) {
        return Updates.apply("subInPlace", Binary.SUBTRACT, self(), other);
    }

    /**
     * Subtracts a number, in place: {@code this -= value}.
     *
     * @param value the number
     * @return this tensor
     * @throws ShapeException if {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that the number does not fit
     * @throws TensorException if this requires a gradient and operations are recorded
     */
    default Tensor subInPlace(double value) {
        Arguments.fits("subInPlace", value, self().dtype());
        return subInPlace(Tensor.scalar(value, self().dtype().arithmetic()));
    }

    /**
     * Multiplies by another tensor, in place: {@code this *= other}. Computed in the arithmetic of the common dtype and rounded once.
     *
     * @param other a tensor that broadcasts to this shape; it may be a view of the same memory
     * @return this tensor
     * @throws ShapeException if it does not broadcast to this shape, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that does not hold the other's numbers
     * @throws TensorException if one of the two requires a gradient and operations are recorded
     */
    default Tensor mulInPlace(Tensor other) {
        return Updates.apply("mulInPlace", Binary.MULTIPLY, self(), other);
    }

    /**
     * Multiplies by a number, in place: {@code this *= value}.
     *
     * @param value the number
     * @return this tensor
     * @throws ShapeException if {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that the number does not fit
     * @throws TensorException if this requires a gradient and operations are recorded
     */
    default Tensor mulInPlace(double value) {
        Arguments.fits("mulInPlace", value, self().dtype());
        return mulInPlace(Tensor.scalar(value, self().dtype().arithmetic()));
    }

    /**
     * Divides by another tensor, in place: {@code this /= other}. Computed in the arithmetic of the common dtype and rounded once.
     *
     * @param other a tensor that broadcasts to this shape; it may be a view of the same memory
     * @return this tensor
     * @throws ShapeException if it does not broadcast to this shape, or {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that does not hold the other's numbers
     * @throws TensorException if one of the two requires a gradient and operations are recorded
     */
    default Tensor divInPlace(Tensor other) {
        return Updates.apply("divInPlace", Binary.DIVIDE, self(), other);
    }

    /**
     * Divides by a number, in place: {@code this /= value}.
     *
     * @param value the number
     * @return this tensor
     * @throws ShapeException if {@linkplain Views#hasRepeatedElements elements share memory}
     * @throws DTypeException if this is of an integer type that the number does not fit
     * @throws TensorException if this requires a gradient and operations are recorded
     */
    default Tensor divInPlace(double value) {
        Arguments.fits("divInPlace", value, self().dtype());
        return divInPlace(Tensor.scalar(value, self().dtype().arithmetic()));
    }
}
