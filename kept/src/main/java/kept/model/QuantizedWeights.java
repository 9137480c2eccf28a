package kept.model;

import java.util.Optional;
import kept.backend.BlockMatrix;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Weights whose matrices are quantised as they are read, one at a time: the projections of the layers and the head, in blocks of {@code q8_0}. Norms,
 * biases and the embedding stay as they are, and so does a matrix whose rows are not whole blocks of {@value BlockMatrix#BLOCK}.
 */
public final class QuantizedWeights implements Weights {
    private final Weights source;
    private int unquantized;

    /**
     * Quantises what a source gives.
     *
     * @param source the weights
     */
    public QuantizedWeights(Weights source) {
        this.source = source;
    }

    /**
     * The number of matrices that could not be quantised, because their rows are not whole blocks.
     *
     * @return how many of those asked for so far
     */
    public int unquantized() {
        return unquantized;
    }

    @Override
    public Tensor get(String name, Shape shape) {
        return source.get(name, shape);
    }

    /**
     * {@inheritDoc}
     *
     * @throws TensorException if an element is too large for the scale of its block, or not finite
     */
    @Override
    public Optional<BlockMatrix> blocks(String name, Shape shape) {
        if (!BlockMatrix.fits(shape)) {
            unquantized++;
            return Optional.empty();
        }
        try (var stored = Scope.detached(Device.cpu())) {
            Tensor matrix = stored.run(() -> source.get(name, shape));
            return Optional.of(BlockMatrix.quantize(matrix).orElseThrow(() -> new TensorException(
                    "[q8] %s has an element above 8.3 million, or one that is not finite, so the scale of its block overflows f16: use stored weights"
                            .formatted(name))));
        }
    }
}
