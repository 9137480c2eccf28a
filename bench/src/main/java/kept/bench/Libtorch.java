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
 * The peer: libtorch through DJL, with as many threads as this library. Its jars are no part of this module; they are on the class path where
 * {@code bin/bench} put them, or there is no peer.
 */
final class Libtorch implements AutoCloseable {
    /** Even in training, DJL calls functions with recording off. */
    private static final String RECORD = "torch.set_grad_enabled(True)\n";

    /** libtorch's number of the type. */
    private static final int BFLOAT16 = 15;

    private static final String ENGINE = "PyTorch";

    private final NDManager manager;
    private final List<Model> models = new ArrayList<>();

    private Libtorch(NDManager manager) {
        this.manager = manager;
    }

    /**
     * Loads the library, if it is not yet, and makes room for one contest's arrays. The calling thread is the one whose number of threads is set.
     *
     * @throws IllegalStateException if it is not there or cannot be loaded, with the reason
     */
    static Libtorch open() {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(Threads.count()));
        if (!Engine.hasEngine(ENGINE)) {
            throw new IllegalStateException("libtorch is not on the class path");
        }
        try {
            return new Libtorch(Engine.getEngine(ENGINE).newBaseManager());
        } catch (RuntimeException | LinkageError e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new IllegalStateException("libtorch does not load: " + cause.getMessage(), e);
        }
    }

    /** Its version, for the table. */
    static String version() {
        return Engine.getEngine(ENGINE).getVersion();
    }

    /** A copy of a tensor, of its dtype: F32, BF16 or I32. */
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
                default -> throw new IllegalArgumentException("no peer for " + tensor.dtype());
            };
        }
    }

    /** A copy of a matrix of doubles whose rows follow each other. */
    NDArray copy(DoubleMatrix matrix) {
        return manager.create(matrix.array(), new Shape(matrix.rows(), matrix.columns()));
    }

    /** DJL itself has no such conversion. */
    private NDArray toBfloat16(NDArray array) {
        return function("x: Tensor", "return torch.to(x, " + BFLOAT16 + ")").call(array).singletonOrThrow();
    }

    /**
     * Compiles a function.
     *
     * @param parameters such as {@code x: Tensor, w: Tensor}
     * @param body statements, one a line, that return a tensor
     */
    Function function(String parameters, String body) {
        return compile(parameters, "Tensor", body, false);
    }

    /**
     * Compiles a function that records what it does to tensors that want gradients.
     *
     * @param parameters such as {@code x: Tensor, w: Tensor}
     * @param body statements, one a line, that return a tensor
     */
    Function recordedFunction(String parameters, String body) {
        return compile(parameters, "Tensor", RECORD + body, true);
    }

    /**
     * Compiles a function that differentiates.
     *
     * @param parameters such as {@code x: Tensor, w: Tensor}
     * @param body statements, one a line, that return what {@code torch.grad} gave
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

    /** A compiled function. */
    @FunctionalInterface
    interface Function {
        /**
         * Runs it.
         *
         * @param arguments its arguments
         * @return its results, for the caller to close
         */
        NDList call(NDArray... arguments);

        /**
         * Runs it and frees its results.
         *
         * @param arguments its arguments
         */
        default void run(NDArray... arguments) {
            call(arguments).close();
        }
    }
}
