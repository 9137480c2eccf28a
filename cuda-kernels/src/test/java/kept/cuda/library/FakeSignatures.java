package kept.cuda.library;

import java.util.Map;
import java.util.TreeMap;

/** Signatures of the bound functions from NVIDIA's documentation, in the notation of {@link FakeLibrary}. */
final class FakeSignatures {
    static final Map<String, String> DRIVER = table("""
            cuInit ii
            cuDriverGetVersion ip
            cuGetErrorName iip
            cuGetErrorString iip
            cuDeviceGetCount ip
            cuDeviceGet ipi
            cuDeviceGetName ipii
            cuDeviceGetAttribute ipii
            cuDeviceTotalMem_v2 ipi
            cuDeviceGetUuid_v2 ipi
            cuDevicePrimaryCtxRetain ipi
            cuDevicePrimaryCtxRelease_v2 ii
            cuCtxSetCurrent ip
            cuStreamCreate ipi
            cuStreamDestroy_v2 ip
            cuStreamSynchronize ip
            cuStreamWaitEvent ippi
            cuEventCreate ipi
            cuEventDestroy_v2 ip
            cuEventRecord ipp
            cuEventSynchronize ip
            cuEventQuery ip
            cuEventElapsedTime_v2 ippp
            cuEventElapsedTime ippp
            cuMemGetInfo_v2 ipp
            cuDeviceGetDefaultMemPool ipi
            cuMemPoolSetAttribute ipip
            cuMemPoolGetAttribute ipip
            cuMemPoolTrimTo ipl
            cuMemAllocAsync iplp
            cuMemFreeAsync ilp
            cuMemGetAllocationGranularity ippi
            cuMemAddressReserve ipllll
            cuMemAddressFree ill
            cuMemCreate iplpl
            cuMemRelease il
            cuMemMap illlll
            cuMemSetAccess illpl
            cuMemUnmap ill
            cuMemHostAlloc ipli
            cuMemFreeHost ip
            cuMemcpyHtoDAsync_v2 ilplp
            cuMemcpyDtoHAsync_v2 ipllp
            cuMemcpyDtoDAsync_v2 illlp
            cuMemsetD8Async ilblp
            cuLibraryLoadData ippppippi
            cuLibraryUnload ip
            cuLibraryGetKernel ippp
            cuKernelGetFunction ipp
            cuFuncGetParamInfo iplpp
            cuFuncGetAttribute ipip
            cuFuncSetAttribute ipii
            cuLaunchKernel ipiiiiiiippp
            """);

    static final Map<String, String> CUBLAS = table("""
            cublasCreate_v2 ip
            cublasDestroy_v2 ip
            cublasGetProperty iip
            cublasGetStatusName pi
            cublasGetStatusString pi
            cublasSetStream_v2 ipp
            cublasSetWorkspace_v2 ippl
            cublasSetMathMode ipi
            cublasGemmEx ipiiiiippiipiippiiii
            cublasGemmStridedBatchedEx ipiiiiippiilpiilppiiliii
            """);

    static final Map<String, String> NCCL = table("""
            ncclGetVersion ip
            ncclGetErrorString pi
            ncclGetLastError pp
            ncclGetUniqueId ip
            ncclCommInitRankConfig ipiuip
            ncclCommFinalize ip
            ncclCommDestroy ip
            ncclCommAbort ip
            ncclCommGetAsyncError ipp
            ncclGroupStart i
            ncclGroupEnd i
            ncclReduce ippliiipp
            ncclAllReduce ippliipp
            ncclReduceScatter ippliipp
            ncclSend ipliipp
            ncclRecv ipliipp
            """);

    private FakeSignatures() {}

    private static Map<String, String> table(String lines) {
        Map<String, String> table = new TreeMap<>();
        lines.lines().map(line -> line.split(" ")).forEach(line -> table.put(line[0], line[1]));
        return Map.copyOf(table);
    }
}
