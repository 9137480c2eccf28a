package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A projection that reads an RMSNorm's output where its model read a LayerNorm's: {@code W' = W + W C}, so that {@code W' y = W (y + C y)}, where
 * {@code y + C y} is the linear estimate of the LayerNorm's output from the RMSNorm's. Sources: W {@code [out, hidden]}, and the norm's correction C
 * {@code [hidden, hidden]}, which calibration measured.
 */
public record Corrected() implements Transform {
    @Override
    public String method() {
        return "calibrated";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor weight = sources.getFirst();
        return weight.add(weight.matmul(sources.get(1)));
    }
}
