package kept.cuda;

import java.util.HashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** What tests of kernels on large operands share: a scope on their device, the operands, and sums over rows. */
@ExtendWith(LargeKernels.class)
abstract class OnLargeOperands {
    final LargeOperands operands = new LargeOperands();
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open(SizedCudaProvider.large());
    }

    @AfterEach
    void close() {
        scope.close();
    }

    static Tensor empty(DType dtype, long... shape) {
        return Tensor.empty(dtype, Shape.of(shape));
    }

    /** A number for each row, computed when it is first needed. */
    static LongToDoubleFunction byRow(LongToDoubleFunction of) {
        Map<Long, Double> known = new HashMap<>();
        return row -> known.computeIfAbsent(row, of::applyAsDouble);
    }

    /** The sum of each row of elements. */
    static LongToDoubleFunction sum(long width, LongToDoubleFunction element) {
        return byRow(row -> {
            double sum = 0;
            for (long i = row * width; i < (row + 1) * width; i++) {
                sum += element.applyAsDouble(i);
            }
            return sum;
        });
    }
}
