package kept.optim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.autograd.Autograd;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Stochastic gradient descent with momentum. With the gradient g, including weight decay ({@code g + decay x}), the velocity is
 * {@code v = momentum v + g}, and the parameter {@code x - rate v}, or with Nesterov momentum {@code x - rate (g + momentum v)}. This is PyTorch's
 * {@code torch.optim.SGD} without dampening. Velocities are computed and stored in F32, those of F64 parameters in F64; this object owns them, and
 * {@link #close} frees them.
 */
public final class Sgd implements AutoCloseable {
    private static final String NAME = "sgd";

    private final Settings settings;
    private final Scope scope;
    private final SequencedMap<String, Slot> slots = new LinkedHashMap<>();

    /**
     * The hyperparameters.
     *
     * @param momentum the momentum factor, in [0, 1)
     * @param nesterov whether to use Nesterov momentum
     * @param weightDecay the weight decay, at least 0
     */
    public record Settings(double momentum, boolean nesterov, double weightDecay) {
        /** Plain gradient descent. */
        public static final Settings DEFAULT = new Settings(0, false, 0);

        /** Validates the values. */
        public Settings {
            if (!(momentum >= 0 && momentum < 1)) {
                throw new IllegalArgumentException("[sgd] momentum must be from 0 to below 1, not " + momentum);
            }
            if (nesterov && momentum == 0) {
                throw new IllegalArgumentException("[sgd] Nesterov's momentum needs a momentum above 0");
            }
            if (!(weightDecay >= 0) || Double.isInfinite(weightDecay)) {
                throw new IllegalArgumentException("[sgd] weight decay must be 0 or more, not " + weightDecay);
            }
        }
    }

    /** A parameter with its velocity, null without momentum. */
    private record Slot(Parameter parameter, Tensor velocity, double weightDecay) {}

    /**
     * Creates an optimizer of all currently trainable parameters, with zero velocities on the device of the first parameter.
     *
     * @param parameters the parameters by name; frozen ones are skipped
     * @param settings the numbers
     * @param decay which parameters decay
     * @throws TensorException if none is trainable, or two share elements
     */
    public Sgd(SequencedMap<String, Parameter> parameters, Settings settings, AdamW.Decay decay) {
        Arguments.present(NAME, "parameters", parameters);
        Arguments.present(NAME, "decay", decay);
        this.settings = Arguments.present(NAME, "settings", settings);
        SequencedMap<String, Parameter> trainable = Trainable.of(NAME, parameters);
        scope = Scope.detached(trainable.firstEntry().getValue().value().device());
        scope.run(() -> {
            trainable.forEach((name, parameter) -> slots.put(name, new Slot(parameter,
                    settings.momentum > 0 ? Tensor.full(0, parameter.value().dtype().arithmetic(), parameter.value().shape()) : null,
                    decay.applies(name, parameter) ? settings.weightDecay : 0)));
            return null;
        });
    }

    /**
     * Updates every parameter that has a gradient.
     *
     * @param learningRate the learning rate of this step
     * @param gradientScale the factor applied to gradients: {@link GradientClipping#scale}, or 1
     * @throws TensorException if the scale is not finite, or the learning rate is negative, infinite or NaN
     */
    public void step(double learningRate, double gradientScale) {
        Trainable.checkStep(NAME, learningRate, gradientScale);
        Autograd.withoutRecording(() -> {
            for (Slot slot : slots.values()) {
                if (slot.parameter.gradient() != null) {
                    try (var _ = Scope.open(slot.parameter.value().device())) {
                        update(slot, learningRate, gradientScale);
                    }
                }
            }
            return null;
        });
    }

    private void update(Slot slot, double learningRate, double gradientScale) {
        Tensor value = slot.parameter.value();
        DType working = value.dtype().arithmetic();
        Tensor exact = value.cast(working);
        Tensor gradient = slot.parameter.gradient().cast(working).mul(gradientScale);
        if (slot.weightDecay != 0) {
            gradient = gradient.add(exact.mul(slot.weightDecay));
        }
        Tensor direction = gradient;
        if (slot.velocity != null) {
            slot.velocity.assign(slot.velocity.mul(settings.momentum).add(gradient));
            direction = settings.nesterov ? gradient.add(slot.velocity.mul(settings.momentum)) : slot.velocity;
        }
        value.assign(exact.sub(direction.mul(learningRate)));
    }

    /** Frees the gradients of all its parameters, whose memory the next forward pass may use. */
    public void clearGradients() {
        slots.values().forEach(slot -> slot.parameter.value().clearGradient());
    }

    /**
     * The parameters this optimizer trains.
     *
     * @return a read-only map by name, in the order given
     */
    public SequencedMap<String, Parameter> parameters() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        slots.forEach((name, slot) -> parameters.put(name, slot.parameter));
        return Collections.unmodifiableSequencedMap(parameters);
    }

    /**
     * The state to save; empty without momentum.
     *
     * @return the velocities by parameter name, read-only; the next step changes the tensors
     */
    public SequencedMap<String, Tensor> velocities() {
        SequencedMap<String, Tensor> velocities = new LinkedHashMap<>();
        slots.forEach((name, slot) -> {
            if (slot.velocity != null) {
                velocities.put(name, slot.velocity);
            }
        });
        return Collections.unmodifiableSequencedMap(velocities);
    }

    /**
     * Restores a saved state.
     *
     * @param saved the saved velocities by parameter name; copied
     * @throws TensorException if names or shapes do not match this optimizer
     */
    public void restore(Map<String, Tensor> saved) {
        SequencedMap<String, Tensor> own = velocities();
        if (!Arguments.present(NAME, "the saved state", saved).keySet().equals(own.keySet())) {
            throw new TensorException("[sgd] the saved state is of other parameters: %s, not %s".formatted(saved.keySet(), own.keySet()));
        }
        own.forEach((name, velocity) -> {
            if (!saved.get(name).shape().equals(velocity.shape())) {
                throw new TensorException("[sgd] the saved velocity of '%s' is %s, not %s"
                        .formatted(name, saved.get(name).shape(), velocity.shape()));
            }
        });
        own.forEach((name, velocity) -> velocity.assign(saved.get(name)));
    }

    /** Frees the velocities. */
    @Override
    public void close() {
        scope.close();
    }
}
