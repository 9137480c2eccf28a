package kept.bench;

import ai.djl.ndarray.NDArray;
import kept.backend.DistillationObjective;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Forward KL of student logits against teacher logits, both {@code [rows, vocabulary]}; the gradient overwrites the student's logits. libtorch
 * composes loss and gradient from {@code log_softmax} and {@code kl_div}.
 */
public class DistillationBenchmark extends BenchmarkCase {
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
    HardwareBound bound() {
        return HardwareBound.UPDATE;
    }

    /** Reads the logits of teacher and student and writes the gradient. */
    @Override
    double work() {
        return 3.0 * Float.BYTES * ROWS * VOCABULARY;
    }
}
