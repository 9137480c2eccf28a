package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import kept.cuda.bindings.Cuda;
import kept.cuda.library.NativeText;

/** Creates exceptions from statuses of the driver. */
final class Failures {
    /** Sticky statuses of a kernel fault: every later call returns them. */
    private static final Set<Integer> KERNEL_FAULTS = Set.of(Cuda.CUDA_ERROR_ILLEGAL_ADDRESS(), Cuda.CUDA_ERROR_LAUNCH_TIMEOUT(),
            Cuda.CUDA_ERROR_ASSERT(), Cuda.CUDA_ERROR_HARDWARE_STACK_ERROR(), Cuda.CUDA_ERROR_ILLEGAL_INSTRUCTION(),
            Cuda.CUDA_ERROR_MISALIGNED_ADDRESS(), Cuda.CUDA_ERROR_INVALID_ADDRESS_SPACE(), Cuda.CUDA_ERROR_INVALID_PC(),
            Cuda.CUDA_ERROR_LAUNCH_FAILED());

    private final LaunchHistory history;

    Failures(LaunchHistory history) {
        this.history = history;
    }

    /**
     * Creates the exception of a failed call.
     *
     * @param status status that the call returned
     * @param call name of the call with its sizes
     * @return exception whose message names the call, the status and, for a kernel fault, the kernels launched last
     */
    CudaException of(int status, String call) {
        String suspects = KERNEL_FAULTS.contains(status) ? history.suspects() : remedy(status);
        return new CudaException(status, "[driver] %s: %s%s".formatted(call, describe(status), suspects.isEmpty() ? "" : "; " + suspects));
    }

    /**
     * Creates the exception of a failed kernel after a synchronous launch.
     *
     * @param status status that synchronization returned
     * @param launch name of the kernel with its grid
     * @return exception whose message names the kernel
     */
    CudaException ofKernel(int status, String launch) {
        return new CudaException(status, "[driver] the kernel %s failed: %s".formatted(launch, describe(status)));
    }

    private static String describe(int status) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(ValueLayout.ADDRESS);
            String name = Cuda.cuGetErrorName(status, text) == 0 ? NativeText.at(text.get(ValueLayout.ADDRESS, 0)) : null;
            String explanation = Cuda.cuGetErrorString(status, text) == 0 ? NativeText.at(text.get(ValueLayout.ADDRESS, 0)) : null;
            return "%s (%d)%s".formatted(name == null ? "unknown status" : name, status,
                    explanation == null ? "" : ", " + explanation);
        }
    }

    /** Returns what to do about a status whose text does not say so. */
    private static String remedy(int status) {
        if (status == Cuda.CUDA_ERROR_NO_DEVICE()) {
            return "is there a GPU, and does CUDA_VISIBLE_DEVICES name it?";
        } else if (status == Cuda.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH()) {
            return "the driver's library and its kernel module are of different versions: reboot, or load the module again";
        } else if (status == Cuda.CUDA_ERROR_SYSTEM_NOT_READY()) {
            return "the machine's fabric manager (nvidia-fabricmanager) does not run yet";
        } else if (status == Cuda.CUDA_ERROR_UNKNOWN()) {
            return "often the kernel module nvidia_uvm is not loaded or /dev/nvidia* cannot be opened: nvidia-smi and nvidia-modprobe -u -c 0 help";
        } else if (status == Cuda.CUDA_ERROR_UNSUPPORTED_PTX_VERSION()) {
            return "the PTX is newer than the driver: update the driver";
        }
        return "";
    }
}
