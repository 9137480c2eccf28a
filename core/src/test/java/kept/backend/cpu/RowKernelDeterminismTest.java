package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import kept.backend.AdamWStep;
import kept.backend.Backend;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.LayerNormParameters;
import kept.backend.SparseDistribution;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The row kernels give the same bits for any number of threads. */
class RowKernelDeterminismTest {
    private static final int ROWS = 101;
    private static final int WIDTH = 1111;

    private final int threads = WorkerPool.shared().threads();
    private final Backend backend = Device.cpu().backend();

    @AfterEach
    void restoreThreads() {
        WorkerPool.shareThreads(threads);
    }

    @Test
    void theSameBitsOnOneToFiveThreads() throws Exception {
        WorkerPool.shareThreads(1);
        List<float[]> expected = inScope(this::results);
        for (int count : new int[] {2, 3, 5}) {
            WorkerPool.shareThreads(count);
            for (int repetition = 0; repetition < 3; repetition++) {
                List<float[]> actual = inScope(this::results);
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(actual.get(i)).as("result %d on %d threads", i, count).isEqualTo(expected.get(i));
                }
            }
        }
    }

    private static <T> T inScope(Callable<T> body) throws Exception {
        try (var _ = Scope.open(Device.cpu())) {
            return body.call();
        }
    }

    private static Tensor out(long... dimensions) {
        return Tensor.empty(DType.F32, Shape.of(dimensions));
    }

    private List<float[]> results() {
        List<Tensor> results = new ArrayList<>();
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            norms(dtype, results);
        }
        losses(results);
        optimizer(results);
        return results.stream().map(Tensor::toFloatArray).toList();
    }

    private void norms(DType dtype, List<Tensor> results) {
        Tensor x = Tensor.empty(dtype, Shape.of(ROWS, WIDTH)).assign(Tensor.normal(1, 1, ROWS, WIDTH));
        Tensor weight = Tensor.normal(1, 2, WIDTH);
        Tensor gradient = Tensor.normal(1, 3, ROWS, WIDTH);
        Tensor out = Tensor.empty(dtype, Shape.of(ROWS, WIDTH));
        Tensor mean = out(ROWS);
        Tensor rstd = out(ROWS);
        Tensor dx = out(ROWS, WIDTH);
        Tensor dWeight = Tensor.ones(WIDTH);
        Tensor dBias = Tensor.ones(WIDTH);
        backend.layerNorm(x, new LayerNormParameters(weight, weight, 1e-5), out, mean, rstd);
        backend.layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);
        results.addAll(List.of(out, mean, rstd, dx, dWeight, dBias));

        Tensor rms = Tensor.empty(dtype, Shape.of(ROWS, WIDTH));
        Tensor rstd2 = out(ROWS);
        Tensor dx2 = out(ROWS, WIDTH);
        Tensor dWeight2 = Tensor.ones(WIDTH);
        backend.rmsNorm(x, weight, 1e-5, rms, rstd2);
        backend.rmsNormGradient(gradient, x, weight, rstd2, dx2, dWeight2);
        results.addAll(List.of(rms, rstd2, dx2, dWeight2));

        Tensor softmax = Tensor.empty(dtype, Shape.of(ROWS, WIDTH));
        Tensor gated = Tensor.empty(dtype, Shape.of(ROWS, WIDTH));
        Tensor sums = out(ROWS);
        Tensor dGate = out(ROWS, WIDTH);
        Tensor dUp = out(ROWS, WIDTH);
        backend.softmax(false, x, softmax);
        backend.logSumExp(x, sums);
        backend.swiGlu(x, out, gated);
        backend.swiGluGradient(gradient, x, out, dGate, dUp);
        Tensor dSoftmax = out(ROWS, WIDTH);
        Tensor dLogSoftmax = out(ROWS, WIDTH);
        backend.softmaxGradient(false, gradient, softmax, dSoftmax);
        backend.softmaxGradient(true, gradient, softmax, dLogSoftmax);
        results.addAll(List.of(softmax, sums, gated, dGate, dUp, dSoftmax, dLogSoftmax));
    }

    private void losses(List<Tensor> results) {
        long[] labels = new long[ROWS];
        for (int i = 0; i < ROWS; i++) {
            labels[i] = i * 7 % WIDTH;
        }
        for (Divergence divergence : Divergence.values()) {
            Tensor student = Tensor.normal(2, 1, ROWS, WIDTH);
            Tensor losses = out(ROWS);
            Tensor divergences = out(ROWS);
            backend.distillationRows(new DistillationObjective(divergence, 2, 0.5), Tensor.normal(2, 2, ROWS, WIDTH), student, Tensor.of(labels), 1,
                    losses, divergences);
            results.addAll(List.of(student, losses, divergences));
        }
        Tensor sparse = Tensor.normal(2, 4, ROWS, WIDTH);
        Tensor ofSparse = out(ROWS);
        var part = new SparseDistribution(Tensor.of(labels, ROWS, 1), Tensor.full(0.25, DType.F32, Shape.of(ROWS, 1)),
                Tensor.full(0.75, DType.F32, Shape.of(ROWS)), Tensor.zeros(ROWS));
        backend.sparseDistillationRows(DistillationObjective.FORWARD_KL, part, sparse, null, 1, ofSparse, out(ROWS));
        results.addAll(List.of(sparse, ofSparse));
        Tensor logits = Tensor.normal(2, 3, ROWS, WIDTH);
        Tensor losses = out(ROWS);
        backend.crossEntropyRows(logits, Tensor.of(labels), 1, losses);
        results.addAll(List.of(logits, losses));
    }

    private void optimizer(List<Tensor> results) {
        Tensor w = Tensor.normal(3, 1, ROWS, WIDTH);
        Tensor m = Tensor.zeros(ROWS, WIDTH);
        Tensor v = Tensor.zeros(ROWS, WIDTH);
        Tensor gradient = Tensor.normal(3, 2, ROWS, WIDTH);
        backend.adamW(new AdamWStep(1, 1e-3, 0.9, 0.999, 1e-8, 0.01, 1), w, gradient, m, v);
        double squares = backend.sumOfSquares(List.of(w, gradient));
        results.addAll(List.of(w, m, v, Tensor.of(new float[] {(float) squares, (float) (squares - (float) squares)})));
    }
}
