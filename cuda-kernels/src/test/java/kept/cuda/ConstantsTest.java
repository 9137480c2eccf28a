package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import jcuda.cudaDataType;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmemPool_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream_flags;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import kept.cuda.bindings.Cublas;
import kept.cuda.bindings.Cuda;
import kept.cuda.cublas.DataType;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.DeviceAttribute;
import org.junit.jupiter.api.Test;

/** Constants of CUDA's headers equal those of JCuda, an independent binding of CUDA 12.6. */
class ConstantsTest {
    @Test
    void deviceAttributesEqualJcudas() {
        assertThat(DeviceAttribute.MULTIPROCESSORS.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        assertThat(DeviceAttribute.L2_CACHE.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
        assertThat(DeviceAttribute.CAPABILITY_MAJOR.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        assertThat(DeviceAttribute.CAPABILITY_MINOR.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        assertThat(DeviceAttribute.SHARED_MEMORY_OPT_IN.code())
                .isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        assertThat(DeviceAttribute.VIRTUAL_MEMORY.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED);
        assertThat(DeviceAttribute.MEMORY_POOLS.code()).isEqualTo(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
    }

    @Test
    void driverConstantsEqualJcudas() {
        assertThat(Cuda.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD()).isEqualTo(CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
        assertThat(Cuda.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT()).isEqualTo(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
        assertThat(Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES())
                .isEqualTo(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
        assertThat(Cuda.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES()).isEqualTo(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
        assertThat(Cuda.CU_JIT_ERROR_LOG_BUFFER()).isEqualTo(CUjit_option.CU_JIT_ERROR_LOG_BUFFER);
        assertThat(Cuda.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES()).isEqualTo(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
        assertThat(Cuda.CU_STREAM_NON_BLOCKING()).isEqualTo(CUstream_flags.CU_STREAM_NON_BLOCKING);
        assertThat(new CudaException(CUresult.CUDA_ERROR_OUT_OF_MEMORY, "").isOutOfMemory()).isTrue();
    }

    @Test
    void cublasConstantsEqualJcudas() {
        assertThat(DataType.F32.code()).isEqualTo(cudaDataType.CUDA_R_32F);
        assertThat(DataType.F16.code()).isEqualTo(cudaDataType.CUDA_R_16F);
        assertThat(DataType.BF16.code()).isEqualTo(cudaDataType.CUDA_R_16BF);
        assertThat(DataType.F64.code()).isEqualTo(cudaDataType.CUDA_R_64F);
        assertThat(Cublas.CUBLAS_COMPUTE_32F()).isEqualTo(cublasComputeType.CUBLAS_COMPUTE_32F);
        for (DataType type : DataType.values()) {
            assertThat(type.computeCode()).isEqualTo(
                    type == DataType.F64 ? cublasComputeType.CUBLAS_COMPUTE_64F : cublasComputeType.CUBLAS_COMPUTE_32F);
        }
        assertThat(Cublas.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION())
                .isEqualTo(cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
        assertThat(Cublas.CUBLAS_OP_N()).isEqualTo(cublasOperation.CUBLAS_OP_N);
        assertThat(Cublas.CUBLAS_OP_T()).isEqualTo(cublasOperation.CUBLAS_OP_T);
    }
}
