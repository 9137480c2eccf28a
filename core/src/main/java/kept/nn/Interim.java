package kept.nn;

import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Stands in for the tensor operations reshape and embedding until they are there. */
final class Interim {
    private Interim() {}

    static Tensor reshape(Tensor x, long... dimensions) {
        return Autograd.apply(new View(Shape.of(dimensions)), x);
    }

    static Tensor embedding(Tensor table, Tensor tokens) {
        long[] shape = java.util.Arrays.copyOf(tokens.shape().toArray(), tokens.rank() + 1);
        shape[tokens.rank()] = table.size(1);
        return reshape(Autograd.apply(new Lookup(), table, tokens), shape);
    }

    private static final class View extends Operation {
        private final Shape target;
        private Shape source;

        View(Shape target) {
            this.target = target;
        }

        @Override
        protected Tensor forward(Tensor... inputs) {
            source = inputs[0].shape();
            return inputs[0].alias(target, target.contiguousStrides(), inputs[0].offset());
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            gradients.add(0, gradient.alias(source, source.contiguousStrides(), gradient.offset()));
        }
    }

    private static final class Lookup extends Operation {
        private Tensor table;
        private Tensor index;

        @Override
        protected Tensor forward(Tensor... inputs) {
            table = inputs[0];
            index = inputs[1].alias(Shape.of(inputs[1].elementCount()), new long[] {1}, inputs[1].offset());
            Tensor out = Tensor.empty(table.dtype(), Shape.of(index.size(0), table.size(1)));
            out.backend().embedding(table, index, out);
            return out;
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            Tensor sum = Tensor.zeros(table.shape().toArray());
            sum.backend().embeddingGradient(gradient, index, sum);
            gradients.add(0, sum);
        }
    }
}
