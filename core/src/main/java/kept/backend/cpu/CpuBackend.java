package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.List;
import kept.backend.AdamWStep;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.backend.BlockMatrix;
import kept.backend.Binary;
import kept.backend.Buffer;
import kept.backend.DistillationObjective;
import kept.backend.Distribution;
import kept.backend.LayerNormParameters;
import kept.backend.MemoryUsage;
import kept.backend.Reduction;
import kept.backend.SparseDistribution;
import kept.backend.Unary;
import kept.tensor.Tensor;

/** The CPU backend: each method calls the class of its kernel. Fused kernels take operands up to F32; for F64 they are compositions. */
final class CpuBackend implements Backend {
    /** 512 rows of a vocabulary of 32,000. For each chunk of logits the whole head is packed, which takes about as long as 40 rows. */
    private static final long CHUNK = 64L << 20;

    private final MemoryPool pool;

    /**
     * Creates the backend with an empty memory pool.
     *
     * @param memory the maximum number of bytes of tensors
     */
    CpuBackend(MemoryLimit memory) {
        pool = new MemoryPool(memory);
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public String description() {
        int bits = VectorMath.SPECIES.vectorBitSize();
        int threads = WorkerPool.shared().threads();
        String narrow = bits > 128 ? ""
                : "; wider vectors (AVX2, AVX-512) would be several times faster: this processor or JVM (-XX:UseAVX) has none";
        String checked = NativeView.ENABLED ? ""
                : "; --enable-native-access=kept.core (ALL-UNNAMED on the class path) would make them faster";
        String products = Bf16Gemm.enabled() ? ", products with bf16 weights in machine code" : "";
        return "cpu: %d-bit vectors (%d floats), %d thread%s, Vector API kernels%s%s%s"
                .formatted(bits, VectorMath.LANES, threads, threads == 1 ? "" : "s", products, narrow, checked);
    }

    @Override
    public String arithmetic() {
        return "cpu, vectors of %d bits%s".formatted(VectorMath.SPECIES.vectorBitSize(), Bf16Gemm.enabled() ? ", products of bf16" : "");
    }

    @Override
    public boolean keepsBitsOfRows() {
        return true;
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
    public void resetPeakMemory() {
        pool.resetPeak();
    }

    @Override
    public long chunkBytes() {
        return CHUNK;
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
        CopyKernel.fill(out, value);
    }

    @Override
    public void random(Distribution distribution, long seed, long stream, Tensor out) {
        RandomKernel.random(distribution, seed, stream, out);
    }

    @Override
    public void copy(Tensor x, Tensor out) {
        CopyKernel.copy(x, out);
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
    public void clamp(Tensor x, double low, double high, Tensor out) {
        ClampKernel.clamp(x, low, high, out);
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
        ArgMaxKernel.argMax(x, out);
    }

    @Override
    public void softmax(boolean logarithm, Tensor x, Tensor out) {
        if (DoubleLoops.apply(x)) {
            Backend.super.softmax(logarithm, x, out);
        } else {
            SoftmaxKernel.softmax(logarithm, x, out);
        }
    }

    @Override
    public void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        if (DoubleLoops.apply(gradient)) {
            Backend.super.softmaxGradient(logarithm, gradient, y, dx);
        } else {
            SoftmaxKernel.gradient(logarithm, gradient, y, dx);
        }
    }

    @Override
    public void logSumExp(Tensor x, Tensor out) {
        if (DoubleLoops.apply(x)) {
            Backend.super.logSumExp(x, out);
        } else {
            SoftmaxKernel.logSumExp(x, out);
        }
    }

    @Override
    public void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        MatmulKernel.matmul(a, b, out, accumulate);
    }

    @Override
    public void linearOfEach(Tensor x, List<Tensor> weights, List<Tensor> outs) {
        if (!MatmulKernel.linearOfEach(x, weights, outs)) {
            Backend.super.linearOfEach(x, weights, outs);
        }
    }

    @Override
    public void blockLinearOfEach(Tensor x, List<BlockMatrix> weights, List<Tensor> outs) {
        BlockProducts.multiplyEach(x, weights, outs);
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
        if (DoubleLoops.apply(gradient)) {
            Backend.super.embeddingGradient(gradient, index, out);
        } else {
            IndexKernel.embeddingGradient(gradient, index, out);
        }
    }

    @Override
    public void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        if (DoubleLoops.apply(x, parameters.weight(), parameters.bias())) {
            Backend.super.layerNorm(x, parameters, out, mean, rstd);
        } else {
            NormKernel.layerNorm(x, parameters, out, mean, rstd);
        }
    }

    @Override
    public void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        if (DoubleLoops.apply(x, weight)) {
            Backend.super.layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
        } else {
            NormKernel.gradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
        }
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        if (DoubleLoops.apply(x, weight)) {
            Backend.super.rmsNorm(x, weight, epsilon, out, rstd);
        } else {
            NormKernel.rmsNorm(x, weight, epsilon, out, rstd);
        }
    }

    @Override
    public void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        if (DoubleLoops.apply(x, weight)) {
            Backend.super.rmsNormGradient(gradient, x, weight, rstd, dx, dWeight);
        } else {
            NormKernel.gradient(gradient, x, weight, null, rstd, dx, dWeight, null);
        }
    }

    @Override
    public void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        if (DoubleLoops.apply(x)) {
            Backend.super.rotaryEmbedding(x, cos, sin, inverse, out);
        } else {
            RotaryKernel.rotate(x, cos, sin, inverse, out);
        }
    }

    @Override
    public void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        if (DoubleLoops.apply(operands.q())) {
            Backend.super.attention(operands, out, logSumExp);
        } else {
            AttentionKernel.attention(operands, out, logSumExp);
        }
    }

    @Override
    public boolean takesRoundedKeys() {
        return true;
    }

    @Override
    public void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        if (DoubleLoops.apply(operands.q())) {
            Backend.super.attentionGradient(operands, out, logSumExp, gradient, dq, dk, dv);
        } else {
            AttentionGradientKernel.attentionGradient(operands, out, logSumExp, gradient, dq, dk, dv);
        }
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        if (DoubleLoops.apply(gate)) {
            Backend.super.swiGlu(gate, up, out);
        } else {
            SwiGluKernel.forward(gate, up, out);
        }
    }

    @Override
    public void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        if (DoubleLoops.apply(gradient, gate)) {
            Backend.super.swiGluGradient(gradient, gate, up, dGate, dUp);
        } else {
            SwiGluKernel.gradient(gradient, gate, up, dGate, dUp);
        }
    }

    @Override
    public void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        DistillationKernel.rows(objective, teacher, student, labels, scale, losses, divergences);
    }

    @Override
    public void sparseDistillationRows(DistillationObjective objective, SparseDistribution teacher, Tensor student, Tensor labels, double scale,
            Tensor losses, Tensor divergences) {
        if (objective.crossEntropyWeight() > 0 && objective.temperature() != 1) {
            // Two softmaxes of one row, which is rare.
            Backend.super.sparseDistillationRows(objective, teacher, student, labels, scale, losses, divergences);
        } else {
            SparseDistillationKernel.rows(objective, teacher, student, labels, scale, losses, divergences);
        }
    }

    @Override
    public void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        CrossEntropyKernel.rows(logits, labels, scale, losses);
    }

    @Override
    public void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        OptimizerKernel.adamW(step, parameter, gradient, firstMoment, secondMoment);
    }

    @Override
    public int squaresChunk() {
        return OptimizerKernel.SQUARES_CHUNK;
    }

    @Override
    public double[] squaresOfChunks(List<Tensor> tensors) {
        return OptimizerKernel.squaresOfChunks(tensors);
    }
}
