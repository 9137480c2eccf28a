package kept.tensor;

import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;
import kept.backend.Buffer;
import kept.tensor.internal.Node;
import kept.tensor.internal.Residence;
import kept.tensor.internal.TensorInternals;

/** Gives the library's other packages access to methods of {@link Tensor} that are not public. */
final class TensorAccess implements TensorInternals.Access {
    @Override
    public Buffer buffer(Tensor tensor) {
        return tensor.buffer();
    }

    @Override
    public Tensor view(Tensor tensor, Shape shape, long[] strides, long offset) {
        return tensor.alias(shape, strides, offset);
    }

    @Override
    public long[] expandedStrides(Tensor tensor, Shape target, String operation) {
        return tensor.expandedStrides(target, operation);
    }

    @Override
    public int version(Tensor tensor) {
        return tensor.storage().version();
    }

    @Override
    public Node node(Tensor tensor) {
        return tensor.node();
    }

    @Override
    public Tensor recordedBy(Tensor tensor, Node maker) {
        return tensor.recordedBy(maker);
    }

    @Override
    public Tensor gradientAccumulator(Tensor leaf) {
        return leaf.gradientAccumulator();
    }

    @Override
    public void setGradient(Tensor leaf, Tensor sum) {
        leaf.setGradient(sum);
    }

    @Override
    public void onHost(Tensor read, Tensor written, BiConsumer<MemorySegment, MemorySegment> use) {
        HostMemory.use(read, written, use);
    }

    @Override
    public void onDevice(Tensor read, Tensor written, Runnable use) {
        try (var call = new KernelCall("exchange")) {
            call.writes(written);
            call.reads(read);
            use.run();
        }
    }

    @Override
    public Object memory(Tensor tensor) {
        return tensor.storage();
    }

    @Override
    public Tensor elsewhere(DType dtype, Shape shape, Residence residence) {
        return Tensor.elsewhere(dtype, shape, residence);
    }

    @Override
    public void lend(Tensor tensor, Tensor elements) {
        Layouts.lent(tensor, elements);
        elements.storage().owner.surrender(elements.storage());
        tensor.storage().lend(elements.storage().surrender());
    }

    @Override
    public void withdraw(Tensor tensor) {
        tensor.storage().withdraw();
    }

    @Override
    public boolean isInUse(Tensor tensor) {
        return tensor.storage().isHeld();
    }
}
