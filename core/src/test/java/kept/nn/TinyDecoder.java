package kept.nn;

import kept.tensor.Tensor;

/** A decoder of one layer that contains every fused operation, with weights that do not depend on the device. */
final class TinyDecoder extends Layer {
    private final Embedding embedding;
    private final LayerNorm first;
    private final Attention attention;
    private final RmsNorm second;
    private final SwiGlu mlp;
    private final Parameter head;

    TinyDecoder(int vocabulary, int width, int heads, int intermediate) {
        int one = width / heads;
        embedding = register("embedding", new Embedding(weight(0, vocabulary, width)));
        first = register("first", new LayerNorm(Tensor.ones(width).requireGradient(), Tensor.zeros(width).requireGradient(), 1e-5));
        attention = register("attention",
                new Attention(map(1, width, width), map(2, one, width), map(3, one, width), map(4, width, width), heads, 1, one));
        second = register("second", new RmsNorm(Tensor.ones(width).requireGradient(), 1e-5));
        mlp = register("mlp", new SwiGlu(map(5, intermediate, width), map(6, intermediate, width), map(7, width, intermediate)));
        head = register("head", weight(8, vocabulary, width));
    }

    private static Tensor weight(int stream, long rows, long columns) {
        return Tensor.normal(3, stream, rows, columns).mul(0.3).copy().requireGradient();
    }

    private static Linear map(int stream, long out, long in) {
        return new Linear(weight(stream, out, in), null);
    }

    /** The hidden states of tokens {@code [1, tokens]}; past may be null. */
    Tensor hidden(Tensor tokens, RotaryEmbedding.Angles angles, KeyValues past) {
        Tensor x = embedding.forward(tokens);
        Tensor read = x.add(attention.forward(first.forward(x), angles, past));
        return read.add(mlp.forward(second.forward(read)));
    }

    /** The weight of the head, {@code [vocabulary, width]}. */
    Tensor head() {
        return head.value();
    }
}
