package kept.bench;

import ai.djl.ndarray.NDArray;
import kept.backend.AdamWStep;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** An AdamW step on one F32 parameter larger than the cache. The peer is libtorch's {@code _fused_adamw_}. */
public class AdamWBenchmark extends BenchmarkCase {
    private static final int ELEMENTS = 1 << 25;
    private static final AdamWStep STEP = new AdamWStep(10, 1e-4, 0.9, 0.999, 1e-8, 0.01, 1);

    private Tensor parameter;
    private Tensor gradient;
    private Tensor firstMoment;
    private Tensor secondMoment;

    /** For JMH. */
    public AdamWBenchmark() {}

    @Override
    void prepare() {
        parameter = Tensor.normal(1, 0, ELEMENTS);
        gradient = Tensor.normal(1, 1, ELEMENTS);
        firstMoment = Tensor.normal(1, 2, ELEMENTS);
        secondMoment = Tensor.uniform(1, 3, ELEMENTS);
    }

    @Override
    void run() {
        parameter.backend().adamW(STEP, parameter, gradient, firstMoment, secondMoment);
    }

    @Override
    Runnable preparePeer(Libtorch torch) {
        NDArray[] arrays = {torch.copy(parameter), torch.copy(gradient), torch.copy(firstMoment), torch.copy(secondMoment), null};
        arrays[4] = torch.copy(Tensor.scalar(STEP.step(), DType.F32));
        Libtorch.Function step = torch.function("w: Tensor, g: Tensor, m: Tensor, v: Tensor, step: Tensor", """
                parameters = [w]
                torch._fused_adamw_(parameters, [g], [m], [v], annotate(List[Tensor], []), [step], \
                lr=%s, beta1=%s, beta2=%s, weight_decay=%s, eps=%s, \
                amsgrad=False, maximize=False)
                return parameters[0]
                """.formatted(STEP.learningRate(), STEP.beta1(), STEP.beta2(), STEP.weightDecay(), STEP.epsilon()));
        return () -> step.run(arrays);
    }

    @Override
    Runnable preparePlain() {
        float[] w = parameter.toFloatArray();
        float[] g = gradient.toFloatArray();
        float[] m = firstMoment.toFloatArray();
        float[] v = secondMoment.toFloatArray();
        return () -> step(w, g, m, v);
    }

    private static void step(float[] w, float[] g, float[] m, float[] v) {
        float beta1 = (float) STEP.beta1();
        float beta2 = (float) STEP.beta2();
        float rate = (float) (STEP.learningRate() / (1 - Math.pow(STEP.beta1(), STEP.step())));
        float correction = (float) (1 / (1 - Math.pow(STEP.beta2(), STEP.step())));
        float shrink = (float) (1 - STEP.learningRate() * STEP.weightDecay());
        for (int i = 0; i < w.length; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            w[i] = w[i] * shrink - rate * m[i] / ((float) Math.sqrt(v[i] * correction) + (float) STEP.epsilon());
        }
    }

    @Override
    String label() {
        return "adamw step";
    }

    @Override
    String sizes() {
        return Integer.toString(ELEMENTS);
    }

    @Override
    HardwareBound bound() {
        return HardwareBound.UPDATE;
    }

    /** Reads four arrays (parameter, gradient, two moments) and writes three. */
    @Override
    double work() {
        return 7.0 * Float.BYTES * ELEMENTS;
    }
}
