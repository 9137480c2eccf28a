package kept.autograd;

import static kept.autograd.GradientCheck.check;

import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class IndexGradientTest {
    private final Reference x = Reference.normal(41, 4, 3, 5);

    @Test
    void gatherAddsTheGradientsOfRepeatedIndices() {
        int[] chosen = {2, 0, 2, 1, 1, 1, 0, 0};
        check(
                in -> in[0].gather(1, Tensor.of(chosen, 2, 2, 2)),
                in -> Reference.generate(new int[] {2, 2, 2}, i -> in[0].at(i[0], chosen[4 * i[0] + 2 * i[1] + i[2]], i[2])),
                x);
        long[] wide = {4, 4, 0, 1, 3, 2, 2};
        check(
                in -> in[0].gather(-1, Tensor.of(wide, 1, 1, 7)),
                in -> Reference.generate(new int[] {1, 1, 7}, i -> in[0].at(0, 0, (int) wide[i[2]])),
                x);
    }

    @Test
    void scatterAdd() {
        int[] target = {3, 0, 3, 3, 1, 0};
        check(
                in -> in[0].scatterAdd(0, Tensor.of(target, 3, 2, 1), in[1]),
                in -> Reference.generate(new int[] {4, 3, 5}, i -> {
                    double sum = in[0].at(i);
                    for (int k = 0; k < 3; k++) {
                        sum += i[1] < 2 && i[2] < 1 && target[2 * k + i[1]] == i[0] ? in[1].at(k, i[1], 0) : 0;
                    }
                    return sum;
                }),
                x,
                Reference.normal(42, 3, 2, 1));
    }

    @Test
    void embeddingAddsTheGradientsOfRepeatedRows() {
        int[] rows = {6, 0, 6, 3, 3, 3};
        check(
                in -> in[0].embedding(Tensor.of(rows, 2, 3)),
                in -> Reference.generate(new int[] {2, 3, 5}, i -> in[0].at(rows[3 * i[0] + i[1]], i[2])),
                Reference.normal(43, 7, 5));
        check(
                in -> in[0].embedding(Tensor.of(rows, 2, 3).transpose(0, 1)).mul(in[0].select(0, 3)),
                in -> Reference.generate(new int[] {3, 2, 5}, i -> in[0].at(rows[3 * i[1] + i[0]], i[2]) * in[0].at(3, i[2])),
                Reference.normal(43, 7, 5));
    }

    @Test
    void indexSelect() {
        long[] chosen = {2, 2, 0, 1};
        check(
                in -> in[0].indexSelect(1, Tensor.of(chosen)),
                in -> Reference.generate(new int[] {4, 4, 5}, i -> in[0].at(i[0], (int) chosen[i[1]], i[2])),
                x);
    }

    @Test
    void concatAndStack() {
        Reference y = Reference.normal(44, 4, 2, 5);
        check(
                in -> Tensor.concat(1, in[0], in[1], in[0]),
                in -> Reference.generate(new int[] {4, 8, 5}, i -> i[1] < 3
                        ? in[0].at(i)
                        : i[1] < 5 ? in[1].at(i[0], i[1] - 3, i[2]) : in[0].at(i[0], i[1] - 5, i[2])),
                x,
                y);
        check(
                in -> Tensor.stack(-1, in[0], in[1]),
                in -> Reference.generate(new int[] {4, 3, 5, 2}, i -> in[i[3]].at(i[0], i[1], i[2])),
                x,
                Reference.normal(45, 4, 3, 5));
    }
}
