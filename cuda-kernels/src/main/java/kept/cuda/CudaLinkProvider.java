package kept.cuda;

import kept.cuda.library.MissingLibraryException;
import kept.distributed.Communicator;
import kept.distributed.DeviceLink;
import kept.distributed.DeviceLinkProvider;
import kept.distributed.Peers;
import kept.distributed.RankException;
import kept.tensor.Device;

/** Links GPUs of several ranks by NCCL, which is loaded only then. */
public final class CudaLinkProvider implements DeviceLinkProvider {
    /** Called by {@link java.util.ServiceLoader}. */
    public CudaLinkProvider() {}

    @Override
    public boolean reaches(Device device) {
        return device.backend().unguarded() instanceof CudaBackend cuda && cuda.nccl() != null;
    }

    @Override
    public DeviceLink open(Device device, Communicator hosts, Peers peers, boolean isBackground) {
        var cuda = (CudaBackend) device.backend().unguarded();
        try {
            return NcclLink.open(cuda.gpu(), cuda.nccl().get(), hosts, peers, isBackground);
        } catch (MissingLibraryException e) {
            throw new RankException("[nccl] %s; -Dkept.nccl=none sends tensors through the memory of the hosts".formatted(e.getMessage()), e);
        }
    }
}
