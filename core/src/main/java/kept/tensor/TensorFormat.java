package kept.tensor;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Formats a tensor: dtype and shape, then the values in nested brackets, padded to the widest. An axis with more than {@value #MAX_SHOWN} elements
 * shows the first and last {@value #EDGE}; only these are copied from the device.
 */
final class TensorFormat {
    private static final int MAX_SHOWN = 8;
    private static final int EDGE = 3;

    private final Tensor tensor;
    private final List<Number> values = new ArrayList<>();

    private TensorFormat(Tensor tensor) {
        this.tensor = tensor;
    }

    static String format(Tensor tensor) {
        return new TensorFormat(tensor).format();
    }

    private String format() {
        String head = tensor.dtype().label() + tensor.shape();
        if (tensor.elementCount() == 0) {
            return head + " []";
        }
        collect(0, tensor.offset());
        List<String> numbers = new ArrayList<>(numbers());
        int width = numbers.stream().mapToInt(String::length).max().orElse(0);
        numbers.replaceAll(number -> " ".repeat(width - number.length()) + number);
        var body = new StringBuilder();
        write(0, numbers.iterator(), body);
        return head + (tensor.rank() < 2 ? " " : "\n") + body;
    }

    /** Copies the values to show, in row-major order. */
    private void collect(int axis, long offset) {
        if (axis < tensor.rank() - 1) {
            shown(axis).forEach(index -> collect(axis + 1, offset + index * tensor.stride(axis)));
        } else if (axis == tensor.rank()) {
            collectRow(Shape.of(), new long[0], offset);
        } else {
            long extent = tensor.size(axis);
            long[] stride = {tensor.stride(axis)};
            collectRow(Shape.of(isElided(axis) ? EDGE : extent), stride, offset);
            if (isElided(axis)) {
                collectRow(Shape.of(EDGE), stride, offset + (extent - EDGE) * stride[0]);
            }
        }
    }

    private void collectRow(Shape shape, long[] strides, long offset) {
        Tensor row = tensor.alias(shape, strides, offset);
        if (tensor.dtype().isFloating()) {
            for (double value : row.toDoubleArray()) {
                values.add(value);
            }
        } else {
            for (long value : row.toLongArray()) {
                values.add(value);
            }
        }
    }

    private boolean isElided(int axis) {
        return tensor.size(axis) > MAX_SHOWN;
    }

    private List<Long> shown(int axis) {
        long extent = tensor.size(axis);
        return IntStream.range(0, isElided(axis) ? 2 * EDGE : (int) extent)
                .mapToObj(i -> isElided(axis) && i >= EDGE ? extent - 2 * EDGE + i : i)
                .toList();
    }

    /** All values in one notation: whole numbers, four decimals, or an exponent where four decimals would hide digits. */
    private List<String> numbers() {
        if (tensor.dtype() == DType.BOOL) {
            return values.stream().map(value -> value.longValue() != 0 ? "true" : "false").toList();
        }
        if (!tensor.dtype().isFloating()) {
            return values.stream().map(Number::toString).toList();
        }
        boolean whole = true;
        double smallest = Double.POSITIVE_INFINITY;
        double largest = 0;
        for (Number number : values) {
            double value = Math.abs(number.doubleValue());
            if (Double.isFinite(value) && value != 0) {
                whole &= value == Math.rint(value);
                smallest = Math.min(smallest, value);
                largest = Math.max(largest, value);
            }
        }
        String pattern = largest >= 1e6 || smallest < 1e-4 ? "%.4e" : whole ? "%.0f." : "%.4f";
        return values.stream().map(value -> number(pattern, value.doubleValue())).toList();
    }

    private static String number(String pattern, double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        return String.format(Locale.ROOT, pattern, value);
    }

    private void write(int axis, Iterator<String> numbers, StringBuilder out) {
        if (axis == tensor.rank()) {
            out.append(numbers.next());
            return;
        }
        int below = tensor.rank() - axis - 1;
        String separator = below == 0 ? ", " : "," + "\n".repeat(below) + " ".repeat(axis + 1);
        out.append('[');
        int count = shown(axis).size();
        for (int i = 0; i < count; i++) {
            if (i > 0) {
                out.append(separator);
            }
            if (i == EDGE && isElided(axis)) {
                out.append("...").append(separator);
            }
            write(axis + 1, numbers, out);
        }
        out.append(']');
    }
}
