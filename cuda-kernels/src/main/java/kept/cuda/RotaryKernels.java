package kept.cuda;

import java.util.List;
import kept.backend.TensorMemory;
import kept.cuda.driver.Grid;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Rotary position embedding (RoPE): one block per position. */
final class RotaryKernels {
    private static final int MAX_THREADS = 256;
    /** A count, and places of keys and of values: the struct of heads.cuh. */
    private static final int PLACE_WORDS = 1 + 2 * SplitAttention.MAX_SEQUENCES;

    private final Gpu gpu;

    RotaryKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    /** The result has x's dtype, or is BF16 where x is F32. */
    void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        if (x.elementCount() == 0) {
            return;
        }
        int heads = extent("number of heads", x.size(2));
        int half = extent("head dimension", x.size(3)) / 2;
        boolean wide = half % VectorAccess.elements(x) == 0 && VectorAccess.fits(x, out, cos, sin);
        int pieces = extent("pairs of a token", (long) heads * (wide ? half / VectorAccess.elements(x) : half));
        int threads = Math.min(MAX_THREADS, Math.ceilDiv(pieces, 32) * 32);
        String entry = "rotary_" + (wide ? "wide_" : "single_") + x.dtype().label() + (out.dtype() == x.dtype() ? "" : "_to_" + out.dtype().label());
        gpu.launch("rotary", entry, Grid.of(x.size(0) * x.size(1), threads))
                .pointer(x).longs(x.stride(0), x.stride(1), x.stride(2))
                .pointer(out).longs(out.stride(0), out.stride(1), out.stride(2))
                .pointer(cos).pointer(sin)
                .i32(extent("sequence", x.size(1))).i32(heads).i32(half).f32(inverse ? -1 : 1)
                .run();
    }

    void rotaryAppend(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, Tensor keys, Tensor values) {
        append(q, k, v, cos, sin, List.of(keys), List.of(values), new long[PLACE_WORDS]);
    }

    /** Up to {@value SplitAttention#MAX_SEQUENCES} tokens in a launch, each with places of its own; all places have the same strides. */
    void rotaryAppendToEach(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values) {
        for (int from = 0, to; from < keys.size(); from = to) {
            to = from + 1;
            while (to < keys.size() && to - from < SplitAttention.MAX_SEQUENCES && keys.get(to).stride(2) == keys.get(from).stride(2)
                    && values.get(to).stride(2) == values.get(from).stride(2)) {
                to++;
            }
            long[] words = new long[PLACE_WORDS];
            words[0] = to - from;
            for (int i = from; i < to; i++) {
                words[1 + i - from] = Gpu.address(keys.get(i));
                words[1 + SplitAttention.MAX_SEQUENCES + i - from] = Gpu.address(values.get(i));
            }
            append(tokens(q, 1, from, to), tokens(k, 1, from, to), tokens(v, 1, from, to), tokens(cos, 0, from, to), tokens(sin, 0, from, to),
                    keys.subList(from, to), values.subList(from, to), words);
        }
    }

    private static Tensor tokens(Tensor tensor, int axis, int from, int to) {
        long[] shape = tensor.shape().toArray();
        shape[axis] = to - from;
        return TensorMemory.view(tensor, Shape.of(shape), tensor.strides(), tensor.offset() + from * tensor.stride(axis));
    }

    /** Launches the kernel. The words are the places of each token, or zeros, with which the first place is that of all tokens. */
    private void append(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values, long[] words) {
        if (q.elementCount() == 0) {
            return;
        }
        int heads = extent("number of heads", q.size(2));
        int groups = extent("number of key and value heads", k.size(2));
        int half = extent("head dimension", q.size(3)) / 2;
        boolean wide = half % VectorAccess.elements(q) == 0 && VectorAccess.fits(q, k, v, cos, sin)
                && VectorAccess.fits(keys.toArray(Tensor[]::new)) && VectorAccess.fits(values.toArray(Tensor[]::new));
        // One piece for each thread, as far as the grid allows.
        int pieces = extent("pairs of a token", (heads + 3L * groups) * (wide ? half / VectorAccess.elements(q) : half));
        int threads = Math.min(MAX_THREADS, Math.ceilDiv(pieces, 32) * 32);
        String entry = "rotary_append_" + (wide ? "wide_" : "single_") + q.dtype().label();
        Grid grid = new Grid(extent("tokens", q.size(0) * q.size(1)), Math.min(Gpu.MAX_BLOCKS_YZ, Math.ceilDiv(pieces, threads)), 1, threads, 1);
        Launch launch = gpu.launch("rotary", entry, grid);
        for (Tensor tensor : new Tensor[] {q, k, v, keys.getFirst(), values.getFirst()}) {
            launch.pointer(tensor).longs(tensor.stride(0), tensor.stride(1), tensor.stride(2));
        }
        launch.pointer(cos).pointer(sin).i32(extent("sequence", q.size(1))).i32(heads).i32(groups).i32(half).longs(words).run();
    }

    private static int extent(String what, long extent) {
        return Extents.of("rotaryEmbedding", what, extent);
    }
}
