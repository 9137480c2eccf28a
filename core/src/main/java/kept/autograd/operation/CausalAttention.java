package kept.autograd.operation;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.AttentionOperands;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Causal grouped-query attention in blocks: {@link kept.backend.Backend#attention} and its gradient. The last query attends to all keys, the one
 * before it to all but the last, and so on.
 */
public final class CausalAttention extends Operation {
    private final double scale;
    private SavedTensor queries;
    private SavedTensor keys;
    private SavedTensor values;
    private SavedTensor result;
    private Tensor logSumExp;

    private CausalAttention(double scale) {
        this.scale = Arguments.finite("attention", "scale", scale);
    }

    /**
     * Computes attention of each query to the keys up to its own position.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, of q's dtype, or BF16 for q in F32; at least as many keys as queries, and groups divides heads
     * @param v same shape and dtype as k
     * @param scale the factor applied to scores, usually {@code 1 / sqrt(D)}
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if the operands are integers or of different dtypes
     * @throws kept.tensor.TensorException if the scale is not finite
     */
    public static Tensor apply(Tensor q, Tensor k, Tensor v, double scale) {
        Arguments.usable("attention", q, k, v);
        return areRounded(q, k, v) && (Autograd.isRecording() || !q.backend().takesRoundedKeys())
                ? Autograd.apply(new CausalAttention(scale), q, k.cast(q.dtype()), v.cast(q.dtype()))
                : Autograd.apply(new CausalAttention(scale), q, k, v);
    }

    /** Whether keys and values are those of a cache in BF16, which count as the same numbers in F32. */
    private static boolean areRounded(Tensor q, Tensor k, Tensor v) {
        return q.dtype() == DType.F32 && k.dtype() == DType.BF16 && v.dtype() == DType.BF16;
    }

    /**
     * Computes attention of several sequences, each to keys of its own. Not differentiable; the bits are those of {@link #apply} to each.
     *
     * @param q {@code [sequences, queries, heads, D]}, floating
     * @param k for each sequence {@code [1, keys, groups, D]}, of q's dtype, or BF16 for q in F32; at least as many keys as queries, and groups
     *     divides heads
     * @param v for each sequence the same shape and dtype as k
     * @param scale the factor applied to scores, usually {@code 1 / sqrt(D)}
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if the operands are integers or of different dtypes
     * @throws TensorException if the scale is not finite, or operations are being recorded
     */
    public static Tensor applyToEach(Tensor q, List<Tensor> k, List<Tensor> v, double scale) {
        Arguments.usable("attention", q);
        if (Autograd.isRecording()) {
            throw new TensorException("[attention] of several caches has no gradient; use Autograd.withoutRecording");
        }
        if (q.rank() != 4 || q.size(0) != k.size() || k.size() != v.size()) {
            throw new ShapeException("[attention] needs q [sequences, queries, heads, D], and k and v for each sequence, not %s, %d and %d"
                    .formatted(q.shape(), k.size(), v.size()));
        }
        List<AttentionOperands> each = new ArrayList<>();
        for (int i = 0; i < k.size(); i++) {
            Arguments.usable("attention", q, k.get(i), v.get(i));
            boolean isConverted = areRounded(q, k.get(i), v.get(i)) && !q.backend().takesRoundedKeys();
            Tensor keys = isConverted ? k.get(i).cast(q.dtype()) : k.get(i);
            Tensor values = isConverted ? v.get(i).cast(q.dtype()) : v.get(i);
            checkOperands(q, keys, values);
            each.add(new AttentionOperands(q.slice(0, i, i + 1), keys, values, Arguments.finite("attention", "scale", scale))
                    .map(Rows::unitStride));
            if (k.get(i).size(2) != k.getFirst().size(2)) {
                throw new ShapeException("[attention] keys of sequence %d are %s, and of the first %s: they need as many heads"
                        .formatted(i, k.get(i).shape(), k.getFirst().shape()));
            }
        }
        Tensor out = Tensor.empty(q.dtype(), q.shape());
        out.backend().attentionOfEach(each, out);
        return out;
    }

    @Override
    protected String name() {
        return "attention";
    }

    /** Checks that all have the same floating dtype, or keys and values that of a cache in BF16. */
    private static void checkOperands(Tensor q, Tensor k, Tensor v) {
        if (!areRounded(q, k, v)) {
            checkTypes(q, k, v);
        }
    }

    /** Checks that all have the same floating dtype. */
    static void checkTypes(Tensor q, Tensor k, Tensor v) {
        Operands.checkFloating("attention", q);
        Operands.checkFloating("attention", k);
        Operands.checkFloating("attention", v);
        if (k.dtype() != q.dtype() || v.dtype() != q.dtype()) {
            throw new DTypeException("[attention] q, k and v must be of one dtype, not %s, %s and %s; cast them first"
                    .formatted(q.dtype().label(), k.dtype().label(), v.dtype().label()));
        }
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Arguments.usable("attention", inputs);
        checkOperands(inputs[0], inputs[1], inputs[2]);
        AttentionOperands operands = new AttentionOperands(inputs[0], inputs[1], inputs[2], scale).map(Rows::unitStride);
        Tensor q = operands.q();
        Tensor out = Tensor.empty(q.dtype(), q.shape());
        logSumExp = Tensor.empty(q.dtype().arithmetic(), Shape.of(q.size(0), q.size(2), q.size(1)));
        out.backend().attention(operands, out, logSumExp);
        queries = saved("its queries", q);
        keys = saved("its keys", operands.k());
        values = saved("its values", operands.v());
        result = saved("its result", out);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        AttentionOperands operands = new AttentionOperands(queries.value(), keys.value(), values.value(), scale);
        Tensor dq = Tensor.empty(gradient.dtype(), operands.q().shape());
        Tensor dk = Tensor.empty(gradient.dtype(), operands.k().shape());
        Tensor dv = Tensor.empty(gradient.dtype(), operands.v().shape());
        gradient.backend().attentionGradient(operands, result.value(), logSumExp, Operands.rows(gradient), dq, dk, dv);
        gradients.add(0, dq);
        gradients.add(1, dk);
        gradients.add(2, dv);
    }
}
