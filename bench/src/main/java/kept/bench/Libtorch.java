package kept.bench;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import kept.linalg.DoubleMatrix;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The peer of all cases: libtorch through DJL, with as many threads as this library. Its jars are not dependencies of this module. {@code bin/bench}
 * downloads them and puts them on the class path; without them {@link #open} fails.
 */
final class Libtorch implements AutoCloseable {
    /** DJL calls functions with gradient recording disabled, even in training mode. */
    private static final String RECORD = "torch.set_grad_enabled(True)\n";

    /** libtorch's {@code ScalarType} of bfloat16. */
    private static final int BFLOAT16 = 15;

    private static final String ENGINE = "PyTorch";

    private final NDManager manager;
    private final List<Model> models = new ArrayList<>();

    private Libtorch(NDManager manager) {
        this.manager = manager;
    }

    /**
     * Loads libtorch at the first call and opens a manager for the arrays of one case. DJL sets the number of threads for the calling thread, so the
     * same thread must run the case.
     *
     * @throws IllegalStateException if libtorch is not on the class path or cannot be loaded; the message names the reason
     */
    static Libtorch open() {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(Threads.count()));
        if (!Engine.hasEngine(ENGINE)) {
            throw new IllegalStateException("it is not on the class path (bin/bench downloads it; --no-peer measures without it)");
        }
        try {
            return new Libtorch(Engine.getEngine(ENGINE).newBaseManager());
        } catch (RuntimeException | LinkageError e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new IllegalStateException("it cannot be loaded: " + cause.getMessage(), e);
        }
    }

    /** Version of libtorch. */
    static String version() {
        return Engine.getEngine(ENGINE).getVersion();
    }

    /** Copies a tensor of dtype F32, BF16 or I32 to libtorch, keeping its dtype. */
    NDArray copy(Tensor tensor) {
        NDArray wide;
        try (var _ = Scope.open()) {
            wide = manager.create(tensor.cast(DType.F32).toFloatArray(), new Shape(tensor.shape().toArray()));
        }
        if (tensor.dtype() == DType.F32) {
            return wide;
        }
        try (wide) {
            return switch (tensor.dtype()) {
                case I32 -> wide.toType(DataType.INT32, true);
                case BF16 -> toBfloat16(wide);
                default -> throw new IllegalArgumentException("[libtorch] cannot copy a tensor of dtype " + tensor.dtype()
                        + "; supported are F32, BF16 and I32");
            };
        }
    }

    /** Copies a matrix of doubles to libtorch; its rows must be contiguous. */
    NDArray copy(DoubleMatrix matrix) {
        return manager.create(matrix.array(), new Shape(matrix.rows(), matrix.columns()));
    }

    /** Converts in TorchScript because DJL has no conversion to bfloat16. */
    private NDArray toBfloat16(NDArray array) {
        return function("x: Tensor", "return torch.to(x, " + BFLOAT16 + ")").call(array).singletonOrThrow();
    }

    /**
     * Compiles a TorchScript function.
     *
     * @param parameters declaration of the parameters, such as {@code x: Tensor, w: Tensor}
     * @param body statements, one per line, that return a tensor
     */
    Function function(String parameters, String body) {
        return compile(parameters, "Tensor", body, false);
    }

    /**
     * Compiles a TorchScript function whose operations are recorded for autograd.
     *
     * @param parameters declaration of the parameters, such as {@code x: Tensor, w: Tensor}
     * @param body statements, one per line, that return a tensor
     */
    Function recordedFunction(String parameters, String body) {
        return compile(parameters, "Tensor", RECORD + body, true);
    }

    /**
     * Compiles a TorchScript function that computes gradients.
     *
     * @param parameters declaration of the parameters, such as {@code x: Tensor, w: Tensor}
     * @param body statements, one per line, that return the result of {@code torch.grad}
     */
    Function gradientFunction(String parameters, String body) {
        return compile(parameters, "List[Optional[Tensor]]", RECORD + body, true);
    }

    private Function compile(String parameters, String result, String body, boolean training) {
        Model model = Model.newInstance("peer", ENGINE);
        models.add(model);
        try {
            model.load(new ByteArrayInputStream(TorchScript.archive(parameters, result, body)));
        } catch (MalformedModelException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var store = new ParameterStore(manager, false);
        return arguments -> model.getBlock().forward(store, new NDList(arguments), training);
    }

    @Override
    public void close() {
        models.forEach(Model::close);
        manager.close();
    }

    /** A compiled TorchScript function. */
    @FunctionalInterface
    interface Function {
        /**
         * Calls the function.
         *
         * @param arguments one array per parameter
         * @return results, which the caller closes
         */
        NDList call(NDArray... arguments);

        /**
         * Calls the function and frees its results.
         *
         * @param arguments one array per parameter
         */
        default void run(NDArray... arguments) {
            call(arguments).close();
        }
    }
}
