package kept.nn;

import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Convolution by unfolding (im2col) and a matrix product. */
final class Unfolding {
    private Unfolding() {}

    static void check(String operation, int rank, Tensor x, Tensor weight, Tensor bias, Convolution convolution) {
        Arguments.present(operation, "the convolution", convolution);
        if (bias == null) {
            Arguments.usable(operation, x, weight);
        } else {
            Arguments.usable(operation, x, weight, bias);
        }
        int groups = convolution.groups();
        boolean fits = x.rank() == rank && weight.rank() == rank && x.size(1) == weight.size(1) * groups && weight.size(0) % groups == 0
                && weight.elementCount() > 0 && (bias == null || bias.shape().equals(Shape.of(weight.size(0))));
        if (!fits) {
            throw new ShapeException("[%s] weight %s%s in %d groups does not fit %s".formatted(operation, weight.shape(),
                    bias == null ? "" : " and bias " + bias.shape(), groups, x.shape()));
        }
        if (!x.dtype().isFloating() || !weight.dtype().isFloating() || bias != null && !bias.dtype().isFloating()) {
            throw new DTypeException("[%s] needs floating operands; cast them first".formatted(operation));
        }
    }

    /** Unfolds the input that each kernel position covers into a column, then computes one matrix product. */
    static Tensor convolve(String operation, Tensor x, Tensor weight, Tensor bias, Convolution convolution, long rowPadding) {
        long columnPadding = convolution.padding();
        Tensor padded = rowPadding + columnPadding == 0 ? x : x.pad(0, columnPadding, columnPadding, rowPadding, rowPadding);
        long height = places(operation, padded.size(2), weight.size(2), convolution);
        long width = places(operation, padded.size(3), weight.size(3), convolution);
        Tensor[] seen = new Tensor[Math.toIntExact(weight.size(2) * weight.size(3))];
        for (int i = 0; i < seen.length; i++) {
            long row = i / weight.size(3) * convolution.dilation();
            long column = i % weight.size(3) * convolution.dilation();
            seen[i] = padded.slice(2, row, row + (height - 1) * convolution.stride() + 1, convolution.stride())
                    .slice(3, column, column + (width - 1) * convolution.stride() + 1, convolution.stride());
        }
        long groups = convolution.groups();
        long inputs = weight.elementCount() / weight.size(0);
        Tensor columns = Tensor.stack(2, seen).reshape(x.size(0), groups, inputs, height * width);
        Tensor out = weight.reshape(groups, weight.size(0) / groups, inputs).matmul(columns).reshape(x.size(0), weight.size(0), height, width);
        return bias == null ? out : out.add(bias.reshape(bias.size(0), 1, 1));
    }

    private static long places(String operation, long extent, long kernel, Convolution convolution) {
        long reach = convolution.dilation() * (kernel - 1) + 1;
        if (reach > extent) {
            throw new ShapeException("[%s] the kernel spans %d elements, but the padded axis has %d".formatted(operation, reach, extent));
        }
        return (extent - reach) / convolution.stride() + 1;
    }
}
