package kept.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import kept.backend.AdamWStep;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.BlockMatrix;
import kept.backend.Buffer;
import kept.backend.DeviceMemory;
import kept.backend.DistillationObjective;
import kept.backend.Distribution;
import kept.backend.LayerNormParameters;
import kept.backend.LeastSquares;
import kept.backend.MemoryUsage;
import kept.backend.Reduction;
import kept.backend.SparseDistribution;
import kept.backend.Unary;

/**
 * Wraps a device's kernels in the memory checks of {@link KernelCall}, which are the same for every device. Each method declares which operands its
 * kernel reads and writes.
 */
final class GuardedBackend implements Backend {
    private final Backend kernels;

    GuardedBackend(Backend kernels) {
        this.kernels = kernels;
    }

    @Override
    public Backend unguarded() {
        return kernels;
    }

    @Override
    public String name() {
        return kernels.name();
    }

    @Override
    public boolean has(DType dtype) {
        return kernels.has(dtype);
    }

    @Override
    public String arithmetic() {
        return kernels.arithmetic();
    }

    @Override
    public String description() {
        return kernels.description();
    }

    @Override
    public Buffer allocate(long bytes) {
        return kernels.allocate(bytes);
    }

    @Override
    public void release(Buffer buffer) {
        kernels.release(buffer);
    }

    @Override
    public MemoryUsage memoryUsage() {
        return kernels.memoryUsage();
    }

    @Override
    public Optional<DeviceMemory> ownMemory() {
        return kernels.ownMemory();
    }

    @Override
    public void resetPeakMemory() {
        kernels.resetPeakMemory();
    }

    @Override
    public long chunkBytes() {
        return kernels.chunkBytes();
    }

    @Override
    public long logitRows(long rows, long vocabulary, long width) {
        return kernels.logitRows(rows, vocabulary, width);
    }

    @Override
    public void trim() {
        kernels.trim();
    }

    @Override
    public void upload(MemorySegment from, Buffer to, long byteOffset) {
        // An empty view may start beyond the end of its memory.
        if (from.byteSize() > 0) {
            kernels.upload(from, to, byteOffset);
        }
    }

    @Override
    public void download(Buffer from, long byteOffset, MemorySegment to) {
        if (to.byteSize() > 0) {
            kernels.download(from, byteOffset, to);
        }
    }

    @Override
    public void fill(Tensor out, double value) {
        try (var call = new KernelCall("fill")) {
            call.writes(out);
            kernels.fill(out, value);
        }
    }

    @Override
    public void random(Distribution distribution, long seed, long stream, Tensor out) {
        try (var call = new KernelCall("random")) {
            call.writes(out);
            kernels.random(distribution, seed, stream, out);
        }
    }

    @Override
    public void copy(Tensor x, Tensor out) {
        try (var call = new KernelCall("copy")) {
            call.writes(out);
            kernels.copy(call.readsInPlace(x), out);
        }
    }

    @Override
    public void unary(Unary f, Tensor x, Tensor out) {
        try (var call = new KernelCall("unary")) {
            call.writes(out);
            kernels.unary(f, call.readsInPlace(x), out);
        }
    }

    @Override
    public void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        try (var call = new KernelCall("binary")) {
            call.writes(out);
            kernels.binary(f, call.readsInPlace(a), call.readsInPlace(b), out);
        }
    }

    @Override
    public void clamp(Tensor x, double low, double high, Tensor out) {
        try (var call = new KernelCall("clamp")) {
            call.writes(out);
            kernels.clamp(call.readsInPlace(x), low, high, out);
        }
    }

    @Override
    public void mixedAdd(Tensor a, Tensor b, Tensor out) {
        try (var call = new KernelCall("mixedAdd")) {
            call.writes(out);
            kernels.mixedAdd(call.readsInPlace(a), call.readsInPlace(b), out);
        }
    }

    @Override
    public void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        try (var call = new KernelCall("where")) {
            call.writes(out);
            kernels.where(call.readsInPlace(condition), call.readsInPlace(a), call.readsInPlace(b), out);
        }
    }

    @Override
    public void reduce(Reduction reduction, Tensor x, Tensor out) {
        try (var call = new KernelCall("reduce")) {
            call.writes(out);
            kernels.reduce(reduction, call.reads(x), out);
        }
    }

    @Override
    public void argMax(Tensor x, Tensor out) {
        try (var call = new KernelCall("argMax")) {
            call.writes(out);
            kernels.argMax(call.reads(x), out);
        }
    }

    @Override
    public void softmax(boolean logarithm, Tensor x, Tensor out) {
        try (var call = new KernelCall("softmax")) {
            call.writes(out);
            kernels.softmax(logarithm, call.readsInPlace(x), out);
        }
    }

    @Override
    public void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        try (var call = new KernelCall("softmaxGradient")) {
            call.writes(dx);
            kernels.softmaxGradient(logarithm, call.readsInPlace(gradient), call.reads(y), dx);
        }
    }

    @Override
    public void logSumExp(Tensor x, Tensor out) {
        try (var call = new KernelCall("logSumExp")) {
            call.writes(out);
            kernels.logSumExp(call.reads(x), out);
        }
    }

    @Override
    public void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        try (var call = new KernelCall("matmul")) {
            if (accumulate) {
                call.updates(out);
            } else {
                call.writes(out);
            }
            kernels.matmul(call.reads(a), call.reads(b), out, accumulate);
        }
    }

    @Override
    public void linearOfEach(Tensor x, List<Tensor> weights, List<Tensor> outs) {
        try (var call = new KernelCall("linear")) {
            outs.forEach(call::writes);
            kernels.linearOfEach(call.reads(x), weights.stream().map(call::reads).toList(), outs);
        }
    }

    @Override
    public void blockLinearOfEach(Tensor x, List<BlockMatrix> weights, List<Tensor> outs) {
        try (var call = new KernelCall("linear")) {
            outs.forEach(call::writes);
            kernels.blockLinearOfEach(call.reads(x),
                    weights.stream().map(weight -> new BlockMatrix(call.reads(weight.codes()), call.reads(weight.scales()))).toList(), outs);
        }
    }

    @Override
    public DType productType(DType other) {
        return kernels.productType(other);
    }

    @Override
    public boolean keepsBitsOfRows() {
        return kernels.keepsBitsOfRows();
    }

    @Override
    public void gather(Tensor x, int axis, Tensor index, Tensor out) {
        try (var call = new KernelCall("gather")) {
            call.writes(out);
            kernels.gather(call.reads(x), axis, call.reads(index), out);
        }
    }

    @Override
    public void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        try (var call = new KernelCall("scatterAdd")) {
            call.updates(out);
            kernels.scatterAdd(call.reads(x), axis, call.reads(index), out);
        }
    }

    @Override
    public void embedding(Tensor table, Tensor index, Tensor out) {
        try (var call = new KernelCall("embedding")) {
            call.writes(out);
            kernels.embedding(call.reads(table), call.reads(index), out);
        }
    }

    @Override
    public void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        try (var call = new KernelCall("embeddingGradient")) {
            call.updates(out);
            kernels.embeddingGradient(call.reads(gradient), call.reads(index), out);
        }
    }

    @Override
    public void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        try (var call = new KernelCall("layerNorm")) {
            call.writes(out);
            call.writes(mean);
            call.writes(rstd);
            kernels.layerNorm(call.readsInPlace(x), guarded(call, parameters), out, mean, rstd);
        }
    }

    @Override
    public void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        try (var call = new KernelCall("layerNormGradient")) {
            call.writes(dx);
            call.updates(dWeight);
            call.updates(dBias);
            kernels.layerNormGradient(call.readsInPlace(gradient), call.reads(x), call.reads(weight), call.reads(mean), call.reads(rstd), dx,
                    dWeight, dBias);
        }
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        try (var call = new KernelCall("rmsNorm")) {
            call.writes(out);
            call.writes(rstd);
            kernels.rmsNorm(call.readsInPlace(x), call.reads(weight), epsilon, out, rstd);
        }
    }

    @Override
    public void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        try (var call = new KernelCall("rmsNormGradient")) {
            call.writes(dx);
            call.updates(dWeight);
            kernels.rmsNormGradient(call.readsInPlace(gradient), call.reads(x), call.reads(weight), call.reads(rstd), dx, dWeight);
        }
    }

    @Override
    public void addRmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor sum, Tensor rounded, Tensor dWeight) {
        try (var call = new KernelCall("addRmsNormGradient")) {
            call.updates(sum);
            call.writes(rounded);
            call.updates(dWeight);
            kernels.addRmsNormGradient(call.reads(gradient), call.reads(x), call.reads(weight), call.reads(rstd), sum, rounded, dWeight);
        }
    }

    @Override
    public void addLayerNorm(Tensor x, Tensor branch, Tensor sum, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        try (var call = new KernelCall("addLayerNorm")) {
            call.writes(sum);
            call.writes(out);
            call.writes(mean);
            call.writes(rstd);
            kernels.addLayerNorm(call.readsInPlace(x), call.reads(branch), sum, guarded(call, parameters), out, mean, rstd);
        }
    }

    private static LayerNormParameters guarded(KernelCall call, LayerNormParameters parameters) {
        return new LayerNormParameters(call.reads(parameters.weight()), call.reads(parameters.bias()), parameters.epsilon());
    }

    @Override
    public void addRmsNorm(Tensor x, Tensor branch, Tensor sum, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        try (var call = new KernelCall("addRmsNorm")) {
            call.writes(sum);
            call.writes(out);
            call.writes(rstd);
            kernels.addRmsNorm(call.readsInPlace(x), call.reads(branch), sum, call.reads(weight), epsilon, out, rstd);
        }
    }

    @Override
    public void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        try (var call = new KernelCall("rotary positions")) {
            call.writes(out);
            kernels.rotaryEmbedding(call.readsInPlace(x), call.reads(cos), call.reads(sin), inverse, out);
        }
    }

    @Override
    public void rotaryEmbeddingRounded(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        try (var call = new KernelCall("rotary positions")) {
            call.writes(out);
            kernels.rotaryEmbeddingRounded(call.reads(x), call.reads(cos), call.reads(sin), inverse, out);
        }
    }

    @Override
    public void rotaryAppend(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, Tensor keys, Tensor values) {
        try (var call = new KernelCall("rotary positions")) {
            call.updates(q);
            call.writes(keys);
            call.writes(values);
            kernels.rotaryAppend(q, call.reads(k), call.reads(v), call.reads(cos), call.reads(sin), keys, values);
        }
    }

    @Override
    public void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        try (var call = new KernelCall("attention")) {
            call.writes(out);
            call.writes(logSumExp);
            kernels.attention(operands.map(call::reads), out, logSumExp);
        }
    }

    @Override
    public void rotaryAppendToEach(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values) {
        try (var call = new KernelCall("rotary positions")) {
            call.updates(q);
            keys.forEach(call::writes);
            values.forEach(call::writes);
            kernels.rotaryAppendToEach(q, call.reads(k), call.reads(v), call.reads(cos), call.reads(sin), keys, values);
        }
    }

    @Override
    public boolean takesRoundedKeys() {
        return kernels.takesRoundedKeys();
    }

    @Override
    public void attentionOfEach(List<AttentionOperands> sequences, Tensor out) {
        try (var call = new KernelCall("attention")) {
            call.writes(out);
            kernels.attentionOfEach(sequences.stream().map(operands -> operands.map(call::reads)).toList(), out);
        }
    }

    @Override
    public void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        try (var call = new KernelCall("attentionGradient")) {
            call.writes(dq);
            call.writes(dk);
            call.writes(dv);
            kernels.attentionGradient(operands.map(call::reads), call.reads(out), call.reads(logSumExp), call.reads(gradient), dq, dk, dv);
        }
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        try (var call = new KernelCall("swiGlu")) {
            call.writes(out);
            kernels.swiGlu(call.readsInPlace(gate), call.readsInPlace(up), out);
        }
    }

    @Override
    public void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        try (var call = new KernelCall("swiGluGradient")) {
            call.writes(dGate);
            call.writes(dUp);
            kernels.swiGluGradient(call.readsInPlace(gradient), call.reads(gate), call.reads(up), dGate, dUp);
        }
    }

    @Override
    public void swiGluGradientRounded(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        try (var call = new KernelCall("swiGluGradientRounded")) {
            call.writes(dGate);
            call.writes(dUp);
            kernels.swiGluGradientRounded(call.readsInPlace(gradient), call.reads(gate), call.reads(up), dGate, dUp);
        }
    }

    @Override
    public void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        try (var call = new KernelCall("distillationRows")) {
            call.updates(student);
            call.writes(losses);
            call.writes(divergences);
            kernels.distillationRows(objective, call.reads(teacher), student, call.reads(labels), scale, losses, divergences);
        }
    }

    @Override
    public void sparseDistillationRows(DistillationObjective objective, SparseDistribution teacher, Tensor student, Tensor labels, double scale,
            Tensor losses, Tensor divergences) {
        try (var call = new KernelCall("sparseDistillationRows")) {
            call.updates(student);
            call.writes(losses);
            call.writes(divergences);
            kernels.sparseDistillationRows(objective, teacher.map(call::reads), student, call.reads(labels), scale, losses, divergences);
        }
    }

    @Override
    public void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        try (var call = new KernelCall("crossEntropyRows")) {
            call.updates(logits);
            call.writes(losses);
            kernels.crossEntropyRows(logits, call.reads(labels), scale, losses);
        }
    }

    @Override
    public void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        try (var call = new KernelCall("adamW")) {
            call.updates(parameter);
            call.updates(firstMoment);
            call.updates(secondMoment);
            kernels.adamW(step, parameter, call.reads(gradient), firstMoment, secondMoment);
        }
    }

    @Override
    public int squaresChunk() {
        return kernels.squaresChunk();
    }

    @Override
    public double[] squaresOfChunks(List<Tensor> tensors) {
        try (var call = new KernelCall("squaresOfChunks")) {
            tensors.forEach(call::reads);
            return kernels.squaresOfChunks(tensors);
        }
    }

    @Override
    public double sumOfChunks(double... chunks) {
        return kernels.sumOfChunks(chunks);
    }

    @Override
    public double sumOfSquares(List<Tensor> tensors) {
        try (var call = new KernelCall("sumOfSquares")) {
            tensors.forEach(call::reads);
            return kernels.sumOfSquares(tensors);
        }
    }

    @Override
    public LeastSquares leastSquares(int width) {
        if (width < 1) {
            throw new ShapeException("[leastSquares] the width must be 1 or more, not " + width);
        }
        return new GuardedLeastSquares(width, kernels.leastSquares(width));
    }
}
