package kept.bench;

import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.cudaStream_t;

/** The peer: the same calls through JNI by JCuda, with arguments passed as its documentation shows. It requires cuBLAS of CUDA 12. */
final class JcudaCalls implements NativeCalls {
    /** CUBLAS_GEMM_DEFAULT: cuBLAS selects the algorithm. */
    private static final int DEFAULT_ALGORITHM = -1;

    private final int size;
    private final CUdevice device = new CUdevice();
    private final CUstream stream = new CUstream();
    private final cublasHandle handle = new cublasHandle();
    private final CUmodule module = new CUmodule();
    private final CUfunction kernel = new CUfunction();
    private final CUdeviceptr[] matrices = {new CUdeviceptr(), new CUdeviceptr(), new CUdeviceptr()};

    private JcudaCalls(int size) {
        this.size = size;
        JCudaDriver.setExceptionsEnabled(true);
        JCublas2.setExceptionsEnabled(true);
        JCudaDriver.cuInit(0);
        JCudaDriver.cuDeviceGet(device, 0);
        var context = new CUcontext();
        JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
        JCudaDriver.cuCtxSetCurrent(context);
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING);
        JCublas2.cublasCreate(handle);
        JCublas2.cublasSetStream(handle, new cudaStream_t(stream));
        JCudaDriver.cuModuleLoadData(module, EMPTY_KERNEL);
        JCudaDriver.cuModuleGetFunction(kernel, module, KERNEL_NAME);
        long bytes = (long) size * size * Short.BYTES;
        for (CUdeviceptr matrix : matrices) {
            JCudaDriver.cuMemAlloc(matrix, bytes);
            JCudaDriver.cuMemsetD8Async(matrix, FILL_BYTE, bytes, stream);
        }
        synchronize();
    }

    /**
     * Opens the first GPU.
     *
     * @param size rows and columns of the square matrices
     * @return calls on a stream of the first GPU
     * @throws IllegalStateException if JCuda's native library, the driver, a GPU or cuBLAS is missing; the message is one line
     */
    static JcudaCalls open(int size) {
        try {
            return new JcudaCalls(size);
        } catch (CudaException e) {
            throw new IllegalStateException(e.getMessage(), e);
        } catch (LinkageError e) {
            throw new IllegalStateException(linkersReason(e), e);
        }
    }

    /** JCuda reports a linkage error on many lines; the one that names the missing shared library is in the error or one of its causes. */
    private static String linkersReason(Throwable error) {
        String first = String.valueOf(error.getMessage()).lines().findFirst().orElse("");
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            var line = String.valueOf(cause.getMessage()).lines().filter(text -> text.contains(".so")).findFirst();
            if (line.isPresent()) {
                return line.get().replaceFirst("^\\S*Error: ", "").strip();
            }
        }
        return first.strip();
    }

    @Override
    public void launch() {
        Pointer arguments = Pointer.to(Pointer.to(matrices[0]), Pointer.to(matrices[1]), Pointer.to(new long[] {size}), Pointer.to(new float[] {1}));
        JCudaDriver.cuLaunchKernel(kernel, 1, 1, 1, 32, 1, 1, 0, stream, arguments, null);
    }

    @Override
    public void multiply() {
        JCublas2.cublasGemmEx_new(handle, cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_N, size, size, size, Pointer.to(new float[] {1}),
                matrices[0], cudaDataType.CUDA_R_16BF, size, matrices[1], cudaDataType.CUDA_R_16BF, size, Pointer.to(new float[] {0}),
                matrices[2], cudaDataType.CUDA_R_16BF, size, cublasComputeType.CUBLAS_COMPUTE_32F, DEFAULT_ALGORITHM);
    }

    @Override
    public void synchronize() {
        JCudaDriver.cuStreamSynchronize(stream);
    }

    @Override
    public void close() {
        synchronize();
        for (CUdeviceptr matrix : matrices) {
            JCudaDriver.cuMemFree(matrix);
        }
        JCublas2.cublasDestroy(handle);
        JCudaDriver.cuModuleUnload(module);
        JCudaDriver.cuStreamDestroy(stream);
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
    }
}
