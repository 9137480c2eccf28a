package kept.cuda;

import java.util.stream.IntStream;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.library.MissingLibraryException;
import kept.cuda.virtual.VirtualGpu;
import kept.cuda.virtual.VirtualMachine;
import kept.tensor.Device;

/** Opens the CUDA backend on the GPUs of a virtual machine, {@code joined:0} to {@code joined:3}, whose tensors go to each other by NCCL. */
public final class JoinedCudaProvider implements BackendProvider {
    private static final String VIRTUAL = "virtual";
    private static final String TESTED = System.getProperty("kept.test.device", VIRTUAL);
    private static final int DEVICES = 4;
    private static final VirtualMachine MACHINE = new VirtualMachine(
            IntStream.range(0, DEVICES).mapToObj(_ -> VirtualGpu.open().deferring().varyingProducts().threads(1)).toArray(VirtualGpu[]::new));

    private static volatile int without = -1;

    /** Called by {@link java.util.ServiceLoader}. */
    public JoinedCudaProvider() {}

    /**
     * Returns the device of a rank.
     *
     * @param rank number of the rank
     * @return device
     */
    public static Device device(int rank) {
        return Device.of("joined:" + rank);
    }

    /**
     * Returns the machine of the devices.
     *
     * @return virtual machine of this process
     */
    public static VirtualMachine machine() {
        return MACHINE;
    }

    /** Whether the devices of tests are virtual. */
    static boolean isVirtual() {
        return TESTED.equals(VIRTUAL);
    }

    /**
     * Returns the number of devices of the tests of values: the virtual ones, or those of the kind that {@code -Dkept.test.device} names.
     *
     * @return number of devices, 1 or more
     */
    static int testDevices() {
        return TESTED.equals(VIRTUAL) ? DEVICES : Math.max(1, (int) Device.names().stream().filter(name -> name.startsWith(TESTED + ":")).count());
    }

    /**
     * Returns the device of a rank in the tests of values.
     *
     * @param rank number of the rank
     * @return device
     */
    static Device testDevice(int rank) {
        return TESTED.equals(VIRTUAL) ? device(rank) : Device.of(TESTED + ":" + rank);
    }

    /**
     * Lets NCCL be missing where a device is.
     *
     * @param device index of the device, or -1 for none
     */
    static void missingFor(int device) {
        without = device;
    }

    @Override
    public String name() {
        return "joined";
    }

    @Override
    public int count() {
        return DEVICES;
    }

    @Override
    public Backend open(int index) {
        return new CudaBackend(MACHINE.driver(), MACHINE.blas(), index, () -> {
            if (index == without) {
                throw new MissingLibraryException("no NCCL: looked for libnccl.so.2");
            }
            return MACHINE.nccl();
        });
    }
}
