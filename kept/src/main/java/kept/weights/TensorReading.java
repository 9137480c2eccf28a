package kept.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import kept.io.FileException;
import kept.tensor.DType;

/** Converts elements that a file stores in another order or type to row-major order and the type they are read as. */
public final class TensorReading {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorEntry entry;
    private final MemorySegment stored;
    private final MemorySegment read;
    private final int storedBytes;
    private final int readBytes;
    private long next;

    private TensorReading(TensorEntry entry, MemorySegment stored, MemorySegment read) {
        this.entry = entry;
        this.stored = stored;
        this.read = read;
        this.storedBytes = entry.type().bits() / Byte.SIZE;
        this.readBytes = entry.dtype().bytes();
    }

    /**
     * Returns the elements of a tensor.
     *
     * @param entry the tensor's metadata
     * @param stored its bytes in the file, from the first element to the last
     * @param allocator allocates the copy if the stored bytes have to be converted
     * @return the elements in row-major order
     * @throws FileException if a value is out of range of the type it is read as
     */
    public static MemorySegment of(TensorEntry entry, MemorySegment stored, SegmentAllocator allocator) {
        if (entry.isVerbatim()) {
            return stored;
        }
        DType dtype = entry.dtype();
        MemorySegment read = allocator.allocate(entry.shape().elementCount() * dtype.bytes(), dtype.bytes());
        if (entry.shape().elementCount() > 0) {
            new TensorReading(entry, stored, read).readAxis(0, 0);
        }
        return read;
    }

    /** Reads all elements of the sub-tensor that starts at a stored element, from the given axis inwards. */
    private void readAxis(int axis, long start) {
        int rank = entry.shape().rank();
        if (axis == rank) {
            readElement(start);
            return;
        }
        long extent = entry.shape().size(axis);
        long stride = stride(axis);
        for (long i = 0; i < extent; i++) {
            if (axis == rank - 1) {
                readElement(start + i * stride);
            } else {
                readAxis(axis + 1, start + i * stride);
            }
        }
    }

    private long stride(int axis) {
        if (!entry.strides().isEmpty()) {
            return entry.strides().get(axis);
        }
        long stride = 1;
        for (int inner = axis + 1; inner < entry.shape().rank(); inner++) {
            stride *= entry.shape().size(inner);
        }
        return stride;
    }

    private void readElement(long index) {
        if (entry.type() == StoredType.F64) {
            double value = stored.get(DOUBLE, index * storedBytes);
            float rounded = (float) value;
            if (Float.isInfinite(rounded) && !Double.isInfinite(value)) {
                throw new FileException("checkpoint", entry.file(), entry.name(), entry.offset(),
                    "contains %s in F64, which is out of range of F32".formatted(value));
            }
            read.set(FLOAT, next, rounded);
        } else {
            MemorySegment.copy(stored, index * storedBytes, read, next, readBytes);
        }
        next += readBytes;
    }
}
