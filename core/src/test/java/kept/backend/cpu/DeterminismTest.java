package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.BlockMatrix;
import kept.backend.Distribution;
import kept.backend.Reduction;
import kept.backend.TensorMemory;
import kept.backend.Unary;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Results have the same bits for any number of threads. */
class DeterminismTest {
    private final int threads = WorkerPool.shared().threads();

    @AfterEach
    void restore() {
        WorkerPool.shareThreads(threads);
    }

    @Test
    void plainKernelsGiveTheSameBitsForAnyNumberOfThreads() {
        WorkerPool.shareThreads(1);
        Map<String, float[]> expected = results();
        for (int count : new int[] {2, 3, 5}) {
            WorkerPool.shareThreads(count);
            results().forEach((what, bits) -> assertThat(bits).as("%s with %d threads", what, count).isEqualTo(expected.get(what)));
        }
    }

    private static Map<String, float[]> results() {
        Map<String, float[]> results = new LinkedHashMap<>();
        Backend cpu = Device.cpu().backend();
        try (var _ = Scope.open()) {
            Tensor x = Tensor.empty(DType.F32, Shape.of(777, 301));
            cpu.random(Distribution.NORMAL, 1, 2, x);
            results.put("random", x.toFloatArray());
            Tensor y = Tensor.empty(DType.F32, Shape.of(777, 301));
            cpu.unary(Unary.GELU_TANH, x, y);
            results.put("gelu", y.toFloatArray());
            cpu.binary(Binary.DIVIDE, x, y, y);
            results.put("divide", y.toFloatArray());
            Tensor turned = TensorMemory.view(x, Shape.of(301, 777), new long[] {1, 301}, 0);
            for (Reduction reduction : Reduction.values()) {
                results.put(reduction + " of all", reduced(reduction, x));
                results.put(reduction + " of rows", reduced(reduction, x, 777));
                results.put(reduction + " of columns", reduced(reduction, turned, 301));
            }
            Tensor half = Tensor.empty(DType.BF16, Shape.of(301, 777));
            cpu.copy(turned, half);
            results.put("copy", half.toFloatArray());
            Tensor product = Tensor.zeros(777, 777);
            cpu.matmul(x, turned, product, false);
            results.put("matmul", product.toFloatArray());
            cpu.matmul(x, half, product, true);
            results.put("matmul added", product.toFloatArray());
            BlockMatrix blocks = BlockMatrix.quantize(Tensor.normal(3, 4, 801, 320)).orElseThrow();
            for (int rows : new int[] {1, 3, 80}) {
                Tensor blockProduct = Tensor.zeros(rows, 801);
                cpu.blockLinearOfEach(Tensor.normal(5, 6, rows, 320), List.of(blocks, blocks.rows(0, 9)),
                        List.of(blockProduct, Tensor.zeros(rows, 9)));
                results.put(rows + " rows of a product with blocks", blockProduct.toFloatArray());
            }
            long[] index = new long[777];
            for (int i = 0; i < index.length; i++) {
                index[i] = i * 31 % 40;
            }
            Tensor table = Tensor.zeros(40, 301);
            cpu.embeddingGradient(x, Tensor.of(index), table);
            results.put("embedding gradient", table.toFloatArray());
            Tensor places = TensorMemory.view(Tensor.of(index), Shape.of(777, 301), new long[] {1, 0}, 0);
            cpu.scatterAdd(x, 0, places, table);
            results.put("scatter add", table.toFloatArray());
        }
        return results;
    }

    private static float[] reduced(Reduction reduction, Tensor x, long... shape) {
        Tensor out = Tensor.zeros(shape);
        out.backend().reduce(reduction, x, out);
        return out.toFloatArray();
    }
}
