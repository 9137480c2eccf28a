package kept.cuda;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.backend.Backend;
import kept.backend.TensorMemory;
import kept.cuda.virtual.MemoryCheck;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.Tensor;

/** A backend on a virtual GPU that compares memory before and after each kernel: all but the elements of results must be unchanged. */
final class OperandChecks implements InvocationHandler {
    /** The positions of the results among the parameters of each method of {@link Backend} that takes tensors. */
    static final Map<String, Set<Integer>> RESULTS = Map.ofEntries(Map.entry("fill", Set.of(0)), Map.entry("random", Set.of(3)),
            Map.entry("copy", Set.of(1)), Map.entry("unary", Set.of(2)), Map.entry("binary", Set.of(3)), Map.entry("mixedAdd", Set.of(2)),
            Map.entry("clamp", Set.of(3)),
            Map.entry("where", Set.of(3)), Map.entry("reduce", Set.of(2)), Map.entry("argMax", Set.of(1)), Map.entry("softmax", Set.of(2)),
            Map.entry("softmaxGradient", Set.of(3)), Map.entry("logSumExp", Set.of(1)), Map.entry("matmul", Set.of(2)),
            Map.entry("linearOfEach", Set.of(2)), Map.entry("blockLinearOfEach", Set.of(2)),
            Map.entry("gather", Set.of(3)), Map.entry("scatterAdd", Set.of(3)), Map.entry("embedding", Set.of(2)),
            Map.entry("embeddingGradient", Set.of(2)), Map.entry("layerNorm", Set.of(2, 3, 4)), Map.entry("layerNormGradient", Set.of(5, 6, 7)),
            Map.entry("rmsNorm", Set.of(3, 4)), Map.entry("rmsNormGradient", Set.of(4, 5)),
            Map.entry("addRmsNormGradient", Set.of(4, 5, 6)), Map.entry("rotaryEmbeddingRounded", Set.of(4)),
            Map.entry("swiGluGradientRounded", Set.of(3, 4)), Map.entry("addLayerNorm", Set.of(2, 4, 5, 6)),
            Map.entry("addRmsNorm", Set.of(2, 5, 6)), Map.entry("rotaryEmbedding", Set.of(4)), Map.entry("rotaryAppend", Set.of(0, 5, 6)),
            Map.entry("rotaryAppendToEach", Set.of(0, 5, 6)), Map.entry("attentionOfEach", Set.of(1)),
            Map.entry("attention", Set.of(1, 2)), Map.entry("attentionGradient", Set.of(4, 5, 6)), Map.entry("swiGlu", Set.of(2)),
            Map.entry("swiGluGradient", Set.of(3, 4)),
            Map.entry("distillationRows", Set.of(2, 5, 6)), Map.entry("sparseDistillationRows", Set.of(2, 5, 6)),
            Map.entry("crossEntropyRows", Set.of(0, 3)), Map.entry("adamW", Set.of(1, 3, 4)),
            Map.entry("sumOfSquares", Set.of()), Map.entry("squaresOfChunks", Set.of()));

    private final Backend backend;
    private final VirtualGpu gpu;

    private OperandChecks(Backend backend, VirtualGpu gpu) {
        this.backend = backend;
        this.gpu = gpu;
    }

    static Backend around(Backend backend, VirtualGpu gpu) {
        return (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, new OperandChecks(backend, gpu));
    }

    /** Returns the backend behind the checks; any other as it is. */
    static Backend unwrap(Backend backend) {
        return Proxy.isProxyClass(backend.getClass()) ? ((OperandChecks) Proxy.getInvocationHandler(backend)).backend : backend;
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        Set<Integer> results = RESULTS.get(method.getName());
        MemoryCheck check = results == null ? null : gpu.check(method.getName());
        if (check != null) {
            for (int i = 0; i < arguments.length; i++) {
                for (Tensor tensor : tensors(arguments[i])) {
                    add(check, i, tensor, results.contains(i));
                }
            }
            check.begin();
        }
        try {
            Object answer = method.invoke(backend, arguments);
            if (check != null) {
                check.end();
            }
            return answer;
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static List<Tensor> tensors(Object argument) {
        if (argument instanceof Tensor tensor) {
            return List.of(tensor);
        }
        List<Tensor> tensors = new ArrayList<>();
        if (argument instanceof List<?> list) {
            list.forEach(element -> tensors.addAll(tensors(element)));
        } else if (argument instanceof Record) {
            for (var component : argument.getClass().getRecordComponents()) {
                tensors.addAll(tensors(component(argument, component.getAccessor())));
            }
        }
        return tensors;
    }

    private static Object component(Object argument, Method accessor) {
        try {
            return accessor.invoke(argument);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("[operand checks] " + accessor, e);
        }
    }

    private static void add(MemoryCheck check, int position, Tensor tensor, boolean isResult) {
        int width = tensor.dtype().bytes();
        long address = ((CudaBuffer) TensorMemory.buffer(tensor)).address();
        check.operand("operand " + position, address);
        if (isResult) {
            check.result(address, tensor.offset(), width, tensor.shape().toArray(), tensor.strides());
        }
    }
}
