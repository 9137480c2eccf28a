package kept.backend.cpu;

import kept.backend.DoubleKernels;
import kept.linalg.DoubleMatrix;
import kept.tensor.DeviceException;

/** Double-precision kernels of the CPU: each method calls the class of its loops. */
public final class CpuDoubleKernels implements DoubleKernels {
    /**
     * For {@link java.util.ServiceLoader}.
     *
     * @throws DeviceException if the Vector API is not available
     */
    public CpuDoubleKernels() {
        CpuSettings.requireVectors();
        CpuSettings.threads();
    }

    @Override
    public void addProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        DoubleGemm.add(sign, a, false, b, c, false);
    }

    @Override
    public void addTransposedProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        DoubleGemm.add(sign, a, true, b, c, false);
    }

    @Override
    public void addGram(int sign, DoubleMatrix a, DoubleMatrix c) {
        DoubleGemm.add(sign, a, true, a, c, true);
    }

    @Override
    public int factorBlock(DoubleMatrix g) {
        return DoubleFactor.factor(g);
    }

    @Override
    public void solveTransposedBlock(DoubleMatrix u, DoubleMatrix b) {
        DoubleTriangle.solve(u, true, b);
    }

    @Override
    public void solveUpperBlock(DoubleMatrix u, DoubleMatrix b) {
        DoubleTriangle.solve(u, false, b);
    }
}
