package kept.bench;

import ai.djl.ndarray.NDArray;
import kept.backend.DistillationObjective;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Rows of logits scored by forward KL against a teacher's, and replaced by their gradient. libtorch composes the loss of {@code log_softmax} and
 * {@code kl_div} and its gradient of theirs.
 */
public class DistillationBenchmark extends Contest {
    private static final int ROWS = 1024;
    private static final int VOCABULARY = 32000;

    private Tensor teacher;
    private Tensor student;
    private Tensor losses;
    private Tensor divergences;

    /** For JMH. */
    public DistillationBenchmark() {}

    @Override
    void prepare() {
        teacher = Tensor.normal(1, 0, ROWS, VOCABULARY);
        student = Tensor.normal(1, 1, ROWS, VOCABULARY);
        losses = Tensor.empty(DType.F32, Shape.of(ROWS));
        divergences = Tensor.empty(DType.F32, Shape.of(ROWS));
    }

    @Override
    void run() {
        student.backend().distillationRows(DistillationObjective.FORWARD_KL, teacher, student, null, 1.0 / ROWS, losses, divergences);
    }

    @Override
    Runnable preparePeer(Libtorch torch) {
        NDArray[] arrays = {torch.copy(student), torch.copy(teacher)};
        arrays[0].setRequiresGradient(true);
        Libtorch.Function step = torch.gradientFunction("student: Tensor, teacher: Tensor", """
                sum = 2
                loss = torch.kl_div(torch.log_softmax(student, -1), torch.log_softmax(teacher, -1), sum, log_target=True)
                return torch.grad([torch.div(loss, %d)], [student])
                """.formatted(ROWS));
        return () -> step.run(arrays);
    }

    @Override
    Runnable preparePlain() {
        float[] p = teacher.toFloatArray();
        float[] q = student.toFloatArray();
        return () -> {
            for (int row = 0; row < q.length; row += VOCABULARY) {
                double logTeacherSum = logSumExp(p, row);
                double logStudentSum = logSumExp(q, row);
                for (int i = row; i < row + VOCABULARY; i++) {
                    q[i] = (float) ((Math.exp(q[i] - logStudentSum) - Math.exp(p[i] - logTeacherSum)) / ROWS);
                }
            }
        };
    }

    private static double logSumExp(float[] x, int row) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = row; i < row + VOCABULARY; i++) {
            largest = Math.max(largest, x[i]);
        }
        double sum = 0;
        for (int i = row; i < row + VOCABULARY; i++) {
            sum += Math.exp(x[i] - largest);
        }
        return largest + Math.log(sum);
    }

    @Override
    String label() {
        return "kl rows";
    }

    @Override
    String sizes() {
        return ROWS + "x" + VOCABULARY;
    }

    @Override
    Ceiling ceiling() {
        return Ceiling.UPDATE;
    }

    /** Both sides' logits are read, the gradient written. */
    @Override
    double work() {
        return 3.0 * Float.BYTES * ROWS * VOCABULARY;
    }
}
