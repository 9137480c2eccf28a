package kept.autograd;

import static kept.autograd.GradientCheck.check;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class ViewGradientTest {
    private final Reference x = Reference.normal(31, 3, 4, 5);

    @Test
    void reshape() {
        check(in -> in[0].reshape(6, -1), in -> in[0].reshape(6, 10), x);
        check(in -> in[0].permute(2, 0, 1).reshape(15, 4), in -> in[0].permute(2, 0, 1).reshape(15, 4), x);
        check(in -> in[0].flatten(), in -> in[0].reshape(60), x);
        check(in -> in[0].flatten(1, 2), in -> in[0].reshape(3, 20), x);
        check(in -> in[0].unsqueeze(1).squeeze(1).unsqueeze(-1), in -> in[0].reshape(3, 4, 5, 1), x);
    }

    @Test
    void permuteAndTranspose() {
        check(in -> in[0].permute(1, 2, 0), in -> in[0].permute(1, 2, 0), x);
        check(in -> in[0].permute(-1, 0, 1), in -> in[0].permute(2, 0, 1), x);
        check(in -> in[0].transpose(0, -1), in -> in[0].permute(2, 1, 0), x);
    }

    @Test
    void expandSumsTheGradientOverTheRepetitions() {
        check(
                in -> in[0].expand(2, 3, 4, 5),
                in -> Reference.generate(new int[] {2, 3, 4, 5}, index -> in[0].broadcastAt(index)),
                Reference.normal(32, 3, 1, 5));
        check(in -> in[0].expand(3, 2), in -> Reference.generate(new int[] {3, 2}, index -> in[0].broadcastAt(index)), Reference.normal(33));
    }

    @Test
    void expandedOperandsOfOtherOperations() {
        check(
                in -> in[0].expand(3, 4, 5).mul(in[1]).exp().sum(1),
                in -> in[0].zip(in[1], (a, b) -> Math.exp(a * b)).reduce(values -> Arrays.stream(values).sum(), 1).reshape(3, 5),
                Reference.normal(34, 1, 5),
                x);
        check(
                in -> in[0].expand(3, 5, 4).matmul(in[1].expand(4, 2)),
                in -> Reference.generate(new int[] {3, 5, 2}, index -> {
                    double sum = 0;
                    for (int k = 0; k < 4; k++) {
                        sum += in[0].at(index[0], 0, k) * in[1].at(k, 0);
                    }
                    return sum;
                }),
                Reference.normal(35, 3, 1, 4),
                Reference.normal(36, 4, 1));
    }

    @Test
    void sliceAndSelect() {
        check(in -> in[0].slice(1, 1, 3), in -> Reference.generate(new int[] {3, 2, 5}, i -> in[0].at(i[0], i[1] + 1, i[2])), x);
        check(in -> in[0].slice(-1, -4, 5, 2), in -> Reference.generate(new int[] {3, 4, 2}, i -> in[0].at(i[0], i[1], 1 + 2 * i[2])), x);
        check(in -> in[0].select(0, -1), in -> Reference.generate(new int[] {4, 5}, i -> in[0].at(2, i[0], i[1])), x);
    }

    @Test
    void partsOfASplitAddToOneGradient() {
        check(
                in -> {
                    List<Tensor> parts = in[0].exp().split(1, 1, 1, 2);
                    return parts.get(0).mul(parts.get(1)).add(parts.get(2));
                },
                in -> Reference.generate(new int[] {3, 2, 5}, i -> Math.exp(in[0].at(i[0], 0, i[2]) + in[0].at(i[0], 1, i[2]))
                        + Math.exp(in[0].at(i[0], 2 + i[1], i[2]))),
                x);
    }

    @Test
    void overlappingSlicesOfALeafAddUp() {
        try (var _ = Scope.open()) {
            Tensor leaf = Tensor.of(new float[] {1, 2, 3, 4}).requireGradient();
            leaf.slice(0, 0, 3).add(leaf.slice(0, 1, 4)).mul(Tensor.of(new float[] {1, 10, 100})).sum().backward();
            assertThat(leaf.gradient().toFloatArray()).containsExactly(1, 11, 110, 100);
        }
    }

    @Test
    void copies() {
        check(in -> in[0].transpose(0, 1).contiguous(), in -> in[0].permute(1, 0, 2), x);
        check(in -> in[0].copy(), in -> in[0], x);
    }

    @Test
    void aMatrixAndItsTransposeAddUp() {
        check(
                in -> {
                    Tensor y = in[0].exp();
                    return y.add(y.transpose(0, 1));
                },
                in -> in[0].zip(in[0].permute(1, 0), (a, b) -> Math.exp(a) + Math.exp(b)),
                Reference.normal(37, 5, 5));
    }
}
