package kept.cuda;

import kept.cuda.driver.Grid;
import kept.tensor.Tensor;

/** SwiGLU's {@code silu(gate) * up}, forward and backward. */
final class SwiGluKernels {
    private static final int THREADS = 256;

    private final Gpu gpu;

    SwiGluKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void swiGlu(Tensor gate, Tensor up, Tensor out) {
        if (gate.elementCount() > 0) {
            begin("swiglu_", gate, addressesFit(gate, up, out)).pointer(gate).pointer(up).pointer(out).i64(gate.elementCount()).run();
        }
    }

    void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        if (gate.elementCount() > 0) {
            begin("swiglu_backward_", gate, addressesFit(gradient, gate, up, dGate, dUp))
                    .pointer(gradient).pointer(gate).pointer(up).pointer(dGate).pointer(dUp).i64(gate.elementCount()).run();
        }
    }

    void swiGluGradientRounded(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        if (gate.elementCount() > 0) {
            begin("swiglu_rounded_", gate, gradient, addressesFit(gradient, gate, up, dGate, dUp))
                    .pointer(gradient).pointer(gate).pointer(up).pointer(dGate).pointer(dUp).i64(gate.elementCount()).run();
        }
    }

    private Launch begin(String name, Tensor gate, boolean wide) {
        return begin(name, gate, gate, wide);
    }

    /** Begins a launch with one thread per access of 16 bytes of the gate, or per element; the kernel is named after the dtype of an operand. */
    private Launch begin(String name, Tensor gate, Tensor named, boolean wide) {
        long threads = wide ? Math.ceilDiv(gate.elementCount(), VectorAccess.elements(gate)) : gate.elementCount();
        return gpu.launch("swiglu", name + (wide ? "wide_" : "single_") + named.dtype().label(), Grid.of(Math.ceilDiv(threads, THREADS), THREADS));
    }

    /** Operands are contiguous, so that only their addresses decide whether accesses of 16 bytes are aligned. */
    private static boolean addressesFit(Tensor... rows) {
        for (Tensor tensor : rows) {
            if (Gpu.address(tensor) % VectorAccess.BYTES != 0) {
                return false;
            }
        }
        return true;
    }
}
