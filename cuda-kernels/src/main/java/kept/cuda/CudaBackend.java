package kept.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import kept.backend.AdamWStep;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.Buffer;
import kept.backend.DeviceMemory;
import kept.backend.DistillationObjective;
import kept.backend.Distribution;
import kept.backend.LayerNormParameters;
import kept.backend.LeastSquares;
import kept.backend.MemoryUsage;
import kept.backend.Reduction;
import kept.backend.Unary;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.nccl.NcclCalls;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The backend on a GPU. Each method delegates to the class that launches its kernels. */
final class CudaBackend implements Backend, AutoCloseable {
    /** 1,664 rows of logits over Orion's vocabulary. With fewer than half of them the gradient of the LM head is bound by memory. */
    private static final long CHUNK_BYTES = 544L << 20;

    private final Gpu gpu;
    private final Supplier<NcclCalls> nccl;
    private final CreationKernels creation;
    private final ElementwiseKernels elementwise;
    private final ReductionKernels reductions;
    private final SoftmaxKernels softmax;
    private final MatmulKernels matmul;
    private final IndexKernels indexing;
    private final NormKernels norms;
    private final RotaryKernels rotary;
    private final AttentionKernels attention;
    private final SwiGluKernels swiGlu;
    private final LossKernels lossRows;
    private final OptimizerKernels optimizer;

    /**
     * Opens a device whose tensors go to other ranks through the host's memory.
     *
     * @param driver CUDA driver
     * @param blas cuBLAS
     * @param ordinal device ordinal
     */
    CudaBackend(Driver driver, Blas blas, int ordinal) {
        this(driver, blas, ordinal, null);
    }

    /**
     * Opens a device.
     *
     * @param driver CUDA driver
     * @param blas cuBLAS
     * @param ordinal device ordinal
     * @param nccl opens NCCL, which is needed only where several ranks compute on GPUs; null if their tensors go through the host's memory
     */
    CudaBackend(Driver driver, Blas blas, int ordinal, Supplier<NcclCalls> nccl) {
        this.nccl = nccl;
        gpu = new Gpu(driver, blas, ordinal);
        creation = new CreationKernels(gpu);
        elementwise = new ElementwiseKernels(gpu);
        reductions = new ReductionKernels(gpu, creation);
        softmax = new SoftmaxKernels(gpu);
        matmul = new MatmulKernels(gpu, creation);
        indexing = new IndexKernels(gpu);
        norms = new NormKernels(gpu);
        rotary = new RotaryKernels(gpu);
        attention = new AttentionKernels(gpu);
        swiGlu = new SwiGluKernels(gpu);
        lossRows = new LossKernels(gpu);
        optimizer = new OptimizerKernels(gpu);
    }

    /** Opens NCCL; null if tensors go to other ranks through the host's memory. */
    Supplier<NcclCalls> nccl() {
        return nccl;
    }

    /** Returns the device. */
    Gpu gpu() {
        return gpu;
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public String description() {
        Driver driver = gpu.driver();
        int device = gpu.ordinal();
        return "%s: %s (sm_%d%d), %.1f GiB, driver for CUDA %d.%d, cuBLAS %d, PTX kernels for sm_80 and later, %s".formatted(
                driver.deviceCount() > 1 ? "cuda:" + device : "cuda", driver.deviceName(device),
                driver.attribute(device, DeviceAttribute.CAPABILITY_MAJOR), driver.attribute(device, DeviceAttribute.CAPABILITY_MINOR),
                driver.totalMemory(device) / (double) (1L << 30), driver.version() / 1000, driver.version() % 1000 / 10, gpu.blas().version(),
                TensorCoreAttention.DESCRIPTION);
    }

    @Override
    public boolean has(DType dtype) {
        return dtype != DType.F64;
    }

    @Override
    public String arithmetic() {
        Driver driver = gpu.driver();
        return "cuda, %s, cuBLAS %d".formatted(driver.deviceName(gpu.ordinal()), gpu.blas().version());
    }

    @Override
    public Buffer allocate(long bytes) {
        return gpu.memory().allocate(bytes);
    }

    @Override
    public void release(Buffer buffer) {
        gpu.memory().release((CudaBuffer) buffer);
    }

    @Override
    public MemoryUsage memoryUsage() {
        return gpu.memory().usage();
    }

    @Override
    public Optional<DeviceMemory> ownMemory() {
        return Optional.of(gpu.memory().deviceMemory());
    }

    @Override
    public void resetPeakMemory() {
        gpu.memory().resetPeak();
    }

    @Override
    public long chunkBytes() {
        return CHUNK_BYTES;
    }

    @Override
    public long logitRows(long rows, long vocabulary, long width) {
        return LogitChunks.rows(rows, vocabulary, width, CHUNK_BYTES / Float.BYTES / vocabulary, gpu.multiprocessors());
    }

    @Override
    public void trim() {
        gpu.memory().trim();
    }

    @Override
    public void upload(MemorySegment from, Buffer to, long byteOffset) {
        gpu.upload(from, ((CudaBuffer) to).address() + byteOffset);
    }

    @Override
    public void download(Buffer from, long byteOffset, MemorySegment to) {
        gpu.download(((CudaBuffer) from).address() + byteOffset, to);
    }

    @Override
    public void close() {
        gpu.close();
    }

    @Override
    public void fill(Tensor out, double value) {
        creation.fill(out, value);
    }

    @Override
    public void random(Distribution distribution, long seed, long stream, Tensor out) {
        creation.random(distribution, seed, stream, out);
    }

    @Override
    public void copy(Tensor x, Tensor out) {
        creation.copy(x, out);
    }

    @Override
    public void unary(Unary f, Tensor x, Tensor out) {
        elementwise.unary(f, x, out);
    }

    @Override
    public void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        elementwise.binary(f, a, b, out);
    }

    @Override
    public void mixedAdd(Tensor a, Tensor b, Tensor out) {
        if (b.dtype() == DType.BF16) {
            elementwise.mixedAdd(a, b, out);
        } else {
            Backend.super.mixedAdd(a, b, out);
        }
    }

    @Override
    public void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        elementwise.where(condition, a, b, out);
    }

    @Override
    public void reduce(Reduction reduction, Tensor x, Tensor out) {
        reductions.reduce(reduction, x, out);
    }

    @Override
    public void argMax(Tensor x, Tensor out) {
        reductions.argMax(x, out);
    }

    @Override
    public void softmax(boolean logarithm, Tensor x, Tensor out) {
        softmax.softmax(logarithm, x, out);
    }

    @Override
    public void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        softmax.softmaxGradient(logarithm, gradient, y, dx);
    }

    @Override
    public void logSumExp(Tensor x, Tensor out) {
        softmax.logSumExp(x, out);
    }

    @Override
    public DType productType(DType other) {
        return MatmulKernels.productType(other);
    }

    /** {@inheritDoc} cuBLAS chooses its algorithm, and with it the order of additions, by the shape. */
    @Override
    public boolean keepsBitsOfRows() {
        return false;
    }

    @Override
    public void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        matmul.matmul(a, b, out, accumulate);
    }

    @Override
    public void gather(Tensor x, int axis, Tensor index, Tensor out) {
        indexing.gather(x, axis, index, out);
    }

    @Override
    public void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        indexing.scatterAdd(x, axis, index, out);
    }

    @Override
    public void embedding(Tensor table, Tensor index, Tensor out) {
        indexing.embedding(table, index, out);
    }

    @Override
    public void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        indexing.embeddingGradient(gradient, index, out);
    }

    @Override
    public void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        norms.layerNorm(x, parameters, out, mean, rstd);
    }

    @Override
    public void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        norms.layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        norms.rmsNorm(x, weight, epsilon, out, rstd);
    }

    @Override
    public void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        norms.rmsNormGradient(gradient, x, weight, rstd, dx, dWeight);
    }

    @Override
    public void addRmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor sum, Tensor rounded, Tensor dWeight) {
        if (NormKernels.fitsAddedGradient(x, gradient, weight, sum, rounded)) {
            norms.addRmsNormGradient(gradient, x, weight, rstd, sum, rounded, dWeight);
        } else {
            Backend.super.addRmsNormGradient(gradient, x, weight, rstd, sum, rounded, dWeight);
        }
    }

    @Override
    public void addLayerNorm(Tensor x, Tensor branch, Tensor sum, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        if (NormKernels.fitsSum(x, branch, sum, parameters.weight(), parameters.bias(), out)) {
            norms.addLayerNorm(x, branch, sum, parameters, out, mean, rstd);
        } else {
            Backend.super.addLayerNorm(x, branch, sum, parameters, out, mean, rstd);
        }
    }

    @Override
    public void addRmsNorm(Tensor x, Tensor branch, Tensor sum, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        if (NormKernels.fitsSum(x, branch, sum, weight, out)) {
            norms.addRmsNorm(x, branch, sum, weight, epsilon, out, rstd);
        } else {
            Backend.super.addRmsNorm(x, branch, sum, weight, epsilon, out, rstd);
        }
    }

    @Override
    public void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        rotary.rotaryEmbedding(x, cos, sin, inverse, out);
    }

    @Override
    public void rotaryEmbeddingRounded(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        rotary.rotaryEmbedding(x, cos, sin, inverse, out);
    }

    @Override
    public void rotaryAppend(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, Tensor keys, Tensor values) {
        rotary.rotaryAppend(q, k, v, cos, sin, keys, values);
    }

    @Override
    public void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        attention.attention(operands, out, logSumExp);
    }

    @Override
    public void rotaryAppendToEach(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin, List<Tensor> keys, List<Tensor> values) {
        rotary.rotaryAppendToEach(q, k, v, cos, sin, keys, values);
    }

    @Override
    public void attentionOfEach(List<AttentionOperands> sequences, Tensor out) {
        attention.attentionOfEach(sequences, out);
    }

    @Override
    public void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        attention.attentionGradient(operands, out, logSumExp, gradient, dq, dk, dv);
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        swiGlu.swiGlu(gate, up, out);
    }

    @Override
    public void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        swiGlu.swiGluGradient(gradient, gate, up, dGate, dUp);
    }

    @Override
    public void swiGluGradientRounded(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        swiGlu.swiGluGradientRounded(gradient, gate, up, dGate, dUp);
    }

    @Override
    public void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        lossRows.distillationRows(objective, teacher, student, labels, scale, losses, divergences);
    }

    @Override
    public void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        lossRows.crossEntropyRows(logits, labels, scale, losses);
    }

    @Override
    public void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        optimizer.adamW(step, parameter, gradient, firstMoment, secondMoment);
    }

    @Override
    public LeastSquares leastSquares(int width) {
        return new CudaLeastSquares(gpu, creation, width);
    }

    @Override
    public int squaresChunk() {
        return OptimizerKernels.CHUNK;
    }

    @Override
    public double[] squaresOfChunks(List<Tensor> tensors) {
        return optimizer.squaresOfChunks(tensors);
    }

    @Override
    public double sumOfChunks(double... chunks) {
        return optimizer.sumOfChunks(chunks);
    }

    @Override
    public double sumOfSquares(List<Tensor> tensors) {
        return optimizer.sumOfSquares(tensors);
    }
}
