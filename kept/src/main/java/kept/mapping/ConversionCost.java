package kept.mapping;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import kept.model.ModelTensor;
import kept.tensor.DType;
import kept.tensor.Shape;

/**
 * What the conversion by a mapping takes, computed from sizes.
 *
 * @param outputBytes the tensors of the target, on disk
 * @param memoryBytes the most that the tensors in memory take: sources, result and roundings of one tensor that is computed; 0 if all are copied
 * @param largest the target's name of that tensor; empty if all are copied
 */
public record ConversionCost(long outputBytes, long memoryBytes, Optional<String> largest) {
    /**
     * Computes the cost of a mapping whose source's weights have the type that its configuration names.
     *
     * @param mapping the table; of measured tensors the memory is counted as if they had the source's type
     * @param stored the target's type; null for the source's
     * @return the cost
     */
    public static ConversionCost of(Mapping mapping, DType stored) {
        DType own = mapping.source().dtype();
        DType type = stored == null ? own : stored;
        Map<String, Shape> shapes = new HashMap<>();
        ModelTensor.of(mapping.source()).forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        mapping.measured().forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        long output = 0;
        long most = 0;
        Optional<String> largest = Optional.empty();
        for (TensorMapping row : mapping.rows()) {
            output += row.shape().elementCount() * type.bytes();
            if (row.transform().isVerbatim() && type == own) {
                continue;
            }
            long needed = computed(row, own, type) + row.sources().stream().mapToLong(name -> source(shapes.get(name), row, own)).sum();
            if (needed > most) {
                most = needed;
                largest = Optional.of(row.target());
            }
        }
        return new ConversionCost(output, most, largest);
    }

    /** A source as stored and, for a computation, in f32. */
    private static long source(Shape shape, TensorMapping row, DType own) {
        boolean isConverted = own != DType.F32 && !row.transform().isVerbatim();
        return shape.elementCount() * (own.bytes() + (isConverted ? Float.BYTES : 0));
    }

    /** The results of a computation in f32, and what follows or precedes the last: its rounding, or some rows of a matrix that are processed. */
    private static long computed(TensorMapping row, DType own, DType type) {
        long elements = row.shape().elementCount();
        int results = results(row.transform());
        long rounded = type == (results == 0 ? own : DType.F32) ? 0 : elements * type.bytes();
        boolean isByRows = !row.sources().isEmpty() && !innermost(row.transform()).isVerbatim();
        long rows = isByRows ? Float.BYTES * Math.min(elements, MatrixRows.SLAB_ELEMENTS) : 0;
        return Float.BYTES * elements * results + Math.max(rounded, rows);
    }

    private static int results(Transform transform) {
        return switch (transform) {
            case HeadOrder order -> 1 + results(order.inner());
            case PaddedHeads heads -> 1 + results(heads.inner());
            default -> transform.isVerbatim() ? 0 : 1;
        };
    }

    private static Transform innermost(Transform transform) {
        return switch (transform) {
            case HeadOrder order -> innermost(order.inner());
            case PaddedHeads heads -> innermost(heads.inner());
            default -> transform;
        };
    }
}
