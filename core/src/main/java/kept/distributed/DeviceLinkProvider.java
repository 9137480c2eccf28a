package kept.distributed;

import kept.tensor.Device;

/** Links devices of several ranks; {@link java.util.ServiceLoader} lists the providers. */
public interface DeviceLinkProvider {
    /**
     * Whether tensors of a device can go to devices of other ranks without the host's memory.
     *
     * @param device this rank's device
     * @return true if {@link #open} is to be called in this rank and all others; else tensors go through the host's memory
     */
    boolean reaches(Device device);

    /**
     * Links the devices of all ranks; all call it.
     *
     * @param device this rank's device
     * @param hosts carries tensors of the CPU between the ranks, for what they must know of each other; not to be closed
     * @param peers asked while this rank waits for others
     * @param isBackground whether messages move while the device computes: one waits for the kernels that are queued before it, and no kernel waits
     *     for it, until it has been {@linkplain DeviceLink#await awaited}
     * @return the link
     * @throws kept.tensor.TensorException if the devices cannot be linked, with the reason and the remedy
     */
    DeviceLink open(Device device, Communicator hosts, Peers peers, boolean isBackground);
}
