package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import kept.cuda.bindings.Cuda;
import kept.cuda.library.NativeText;

/** Makes exceptions of the driver's statuses. */
final class Failures {
    /** What a failed kernel leaves behind: every later call gives it back, whatever it does. */
    private static final Set<Integer> OF_KERNELS = Set.of(Cuda.CUDA_ERROR_ILLEGAL_ADDRESS(), Cuda.CUDA_ERROR_LAUNCH_TIMEOUT(),
            Cuda.CUDA_ERROR_ASSERT(), Cuda.CUDA_ERROR_HARDWARE_STACK_ERROR(), Cuda.CUDA_ERROR_ILLEGAL_INSTRUCTION(),
            Cuda.CUDA_ERROR_MISALIGNED_ADDRESS(), Cuda.CUDA_ERROR_INVALID_ADDRESS_SPACE(), Cuda.CUDA_ERROR_INVALID_PC(),
            Cuda.CUDA_ERROR_LAUNCH_FAILED());

    private final LaunchHistory history;

    Failures(LaunchHistory history) {
        this.history = history;
    }

    /**
     * What a call that failed throws.
     *
     * @param status what it gave back
     * @param call its name, with the sizes involved
     * @return the exception
     */
    CudaException of(int status, String call) {
        String suspects = OF_KERNELS.contains(status) ? history.suspects() : remedy(status);
        return new CudaException(status, "[driver] %s: %s%s".formatted(call, describe(status), suspects.isEmpty() ? "" : "; " + suspects));
    }

    /**
     * What a launch that was waited for throws, if its kernel failed.
     *
     * @param status what waiting gave back
     * @param launch the kernel, with its grid
     * @return the exception
     */
    CudaException ofKernel(int status, String launch) {
        return new CudaException(status, "[driver] the kernel %s failed: %s".formatted(launch, describe(status)));
    }

    private static String describe(int status) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(ValueLayout.ADDRESS);
            String name = Cuda.cuGetErrorName(status, text) == 0 ? NativeText.at(text.get(ValueLayout.ADDRESS, 0)) : null;
            String explanation = Cuda.cuGetErrorString(status, text) == 0 ? NativeText.at(text.get(ValueLayout.ADDRESS, 0)) : null;
            return "%s (%d)%s".formatted(name == null ? "a status that the driver does not name" : name, status,
                    explanation == null ? "" : ", " + explanation);
        }
    }

    /** What to do, where the driver's own text leaves that open. */
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
