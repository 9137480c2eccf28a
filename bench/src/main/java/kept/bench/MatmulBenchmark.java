package kept.bench;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/**
 * Products of f32 matrices: square ones and those of the linear layers in the three sizes of {@link XkdBenchmark}. Transposed operands are views, in
 * libtorch too, which is called through DJL's {@code matMul}. OpenBLAS takes the same memory and writes its result to memory of its own, which it
 * keeps, where the others allocate each result.
 */
public class MatmulBenchmark extends BenchmarkCase {
    /** Sizes of a linear layer: tokens, output features, input features. */
    @Param({"512x512x512", "1024x1024x1024", "2048x2048x2048",
            "2048x256x256", "2048x768x256", "2048x256x768", "2048x4096x256",
            "1024x768x768", "1024x2304x768", "1024x768x2304", "1024x32000x768",
            "1024x3072x1024", "1024x1024x3072", "1024x32000x1024"})
    public String layer;

    /** Product to measure. */
    @Param
    public Form form;

    private Tensor left;
    private Tensor right;

    /** For JMH. */
    public MatmulBenchmark() {}

    /** The transposed operands, and the product of a linear layer {@code y = x W^T} that has this form. */
    public enum Form {
        /** Neither operand is transposed: the input gradient {@code dx = dy W}. */
        NN(false, false, 0, 2, 1),
        /** The right operand is transposed: the output {@code y = x W^T}. */
        NT(false, true, 0, 1, 2),
        /** The left operand is transposed: the weight gradient {@code dW = dy^T x}. */
        TN(true, false, 1, 2, 0),
        /** Both operands are transposed: {@code y} with a column-major x, which training does not need. */
        TT(true, true, 0, 1, 2);

        private final boolean left;
        private final boolean right;
        private final int[] order;

        /** {@code order} holds the indices of m, n and k in the layer's sizes. */
        Form(boolean left, boolean right, int... order) {
            this.left = left;
            this.right = right;
            this.order = order;
        }
    }

    private int[] mnk() {
        String[] sizes = layer.split("x");
        return Arrays.stream(form.order).map(which -> Integer.parseInt(sizes[which])).toArray();
    }

    @Override
    void prepare() {
        int[] mnk = mnk();
        int m = mnk[0];
        int n = mnk[1];
        int k = mnk[2];
        left = form.left ? Tensor.normal(1, 0, k, m) : Tensor.normal(1, 0, m, k);
        right = form.right ? Tensor.normal(1, 1, n, k) : Tensor.normal(1, 1, k, n);
    }

    @Override
    void run() {
        try (var _ = Scope.open()) {
            (form.left ? left.transpose(0, 1) : left).matmul(form.right ? right.transpose(0, 1) : right);
        }
    }

    @Override
    Runnable preparePeer(Libtorch torch) {
        NDArray a = form.left ? torch.copy(left).transpose(1, 0) : torch.copy(left);
        NDArray b = form.right ? torch.copy(right).transpose(1, 0) : torch.copy(right);
        return () -> a.matMul(b).close();
    }

    @Override
    Map<Peer, Supplier<Runnable>> otherPeers() {
        return Map.of(Peer.OPENBLAS, this::prepareOpenBlas);
    }

    private Runnable prepareOpenBlas() {
        int[] mnk = mnk();
        return OpenBlas.open().product(new OpenBlas.Operand(left, form.left), new OpenBlas.Operand(right, form.right), Tensor.zeros(mnk[0], mnk[1]));
    }

    /** Runs OpenBLAS's implementation once. */
    @Benchmark
    public final void openBlas() {
        run(Peer.OPENBLAS);
    }

    /** Computes each row of the product as a sum of rows of the right operand; transposed operands are made contiguous first. */
    @Override
    Runnable preparePlain() {
        float[] a = (form.left ? left.transpose(0, 1) : left).toFloatArray();
        float[] b = (form.right ? right.transpose(0, 1) : right).toFloatArray();
        int[] mnk = mnk();
        int m = mnk[0];
        int n = mnk[1];
        int k = mnk[2];
        float[] c = new float[m * n];
        return () -> {
            Arrays.fill(c, 0);
            for (int i = 0; i < m; i++) {
                for (int p = 0; p < k; p++) {
                    addScaled(a[i * k + p], b, p * n, c, i * n, n);
                }
            }
        };
    }

    private static void addScaled(float factor, float[] from, int fromAt, float[] to, int toAt, int count) {
        for (int j = 0; j < count; j++) {
            to[toAt + j] += factor * from[fromAt + j];
        }
    }

    @Override
    String label() {
        return "product " + form.name().toLowerCase(Locale.ROOT);
    }

    @Override
    String sizes() {
        return Arrays.stream(mnk()).mapToObj(Integer::toString).collect(Collectors.joining("x"));
    }

    @Override
    HardwareBound bound() {
        return HardwareBound.MULTIPLY_ADD;
    }

    @Override
    double work() {
        return Arrays.stream(mnk()).asDoubleStream().reduce(2, (a, b) -> a * b);
    }
}
