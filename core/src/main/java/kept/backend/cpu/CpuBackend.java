package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.List;
import kept.backend.AdamWStep;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.Buffer;
import kept.backend.DistillationObjective;
import kept.backend.Distribution;
import kept.backend.MemoryUsage;
import kept.backend.Reduction;
import kept.backend.Unary;
import kept.tensor.Tensor;

/** The CPU: each method hands on to the class of its kernel. */
final class CpuBackend implements Backend {
    private final MemoryPool pool = new MemoryPool(Long.getLong(MemoryPool.LIMIT_PROPERTY, Long.MAX_VALUE));

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public String description() {
        return "cpu: %d-bit vectors (%d floats)".formatted(VectorMath.SPECIES.vectorBitSize(), VectorMath.LANES);
    }

    @Override
    public Buffer allocate(long bytes) {
        return pool.allocate(bytes);
    }

    @Override
    public void release(Buffer buffer) {
        pool.release((CpuBuffer) buffer);
    }

    @Override
    public MemoryUsage memoryUsage() {
        return pool.usage();
    }

    @Override
    public void trim() {
        pool.trim();
    }

    @Override
    public void upload(MemorySegment from, Buffer to, long byteOffset) {
        MemorySegment.copy(from, 0, ((CpuBuffer) to).segment(), byteOffset, from.byteSize());
    }

    @Override
    public void download(Buffer from, long byteOffset, MemorySegment to) {
        MemorySegment.copy(((CpuBuffer) from).segment(), byteOffset, to, 0, to.byteSize());
    }

    @Override
    public void fill(Tensor out, double value) {
        ElementwiseKernel.fill(out, value);
    }

    @Override
    public void random(Distribution distribution, long seed, long stream, Tensor out) {
        RandomKernel.random(distribution, seed, stream, out);
    }

    @Override
    public void copy(Tensor x, Tensor out) {
        ElementwiseKernel.copy(x, out);
    }

    @Override
    public void unary(Unary f, Tensor x, Tensor out) {
        ElementwiseKernel.unary(f, x, out);
    }

    @Override
    public void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        ElementwiseKernel.binary(f, a, b, out);
    }

    @Override
    public void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        ElementwiseKernel.where(condition, a, b, out);
    }

    @Override
    public void reduce(Reduction reduction, Tensor x, Tensor out) {
        ReduceKernel.reduce(reduction, x, out);
    }

    @Override
    public void argMax(Tensor x, Tensor out) {
        ReduceKernel.argMax(x, out);
    }

    @Override
    public void softmax(boolean logarithm, Tensor x, Tensor out) {
        throw new IllegalStateException("[softmax] kernel not wired yet");
    }

    @Override
    public void logSumExp(Tensor x, Tensor out) {
        throw new IllegalStateException("[logSumExp] kernel not wired yet");
    }

    @Override
    public void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        PlainMatmul.matmul(a, b, out, accumulate);
    }

    @Override
    public void gather(Tensor x, int axis, Tensor index, Tensor out) {
        IndexKernel.gather(x, axis, index, out);
    }

    @Override
    public void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        IndexKernel.scatterAdd(x, axis, index, out);
    }

    @Override
    public void embedding(Tensor table, Tensor index, Tensor out) {
        IndexKernel.embedding(table, index, out);
    }

    @Override
    public void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        IndexKernel.embeddingGradient(gradient, index, out);
    }

    @Override
    public void layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon, Tensor out, Tensor mean, Tensor rstd) {
        throw new IllegalStateException("[layerNorm] kernel not wired yet");
    }

    @Override
    public void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        throw new IllegalStateException("[layerNormGradient] kernel not wired yet");
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        throw new IllegalStateException("[rmsNorm] kernel not wired yet");
    }

    @Override
    public void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        throw new IllegalStateException("[rmsNormGradient] kernel not wired yet");
    }

    @Override
    public void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        throw new IllegalStateException("[rotaryEmbedding] kernel not wired yet");
    }

    @Override
    public void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        throw new IllegalStateException("[attention] kernel not wired yet");
    }

    @Override
    public void attentionGradient(Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk, Tensor dv) {
        throw new IllegalStateException("[attentionGradient] kernel not wired yet");
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        throw new IllegalStateException("[swiGlu] kernel not wired yet");
    }

    @Override
    public void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        throw new IllegalStateException("[swiGluGradient] kernel not wired yet");
    }

    @Override
    public void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses, Tensor divergences) {
        throw new IllegalStateException("[distillationRows] kernel not wired yet");
    }

    @Override
    public void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        throw new IllegalStateException("[crossEntropyRows] kernel not wired yet");
    }

    @Override
    public void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        throw new IllegalStateException("[adamW] kernel not wired yet");
    }

    @Override
    public double sumOfSquares(List<Tensor> tensors) {
        throw new IllegalStateException("[sumOfSquares] kernel not wired yet");
    }
}
