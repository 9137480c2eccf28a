package kept.optim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.backend.AdamWStep;
import kept.backend.BlockCodes;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101); the formula is {@link kept.backend.Backend#adamW}. The moments are
 * F32, whatever the parameters are, or of 8 bits ({@link Storage}), and belong to this object: {@link #close} frees them. What it holds can be
 * {@linkplain #moments() saved} and
 * {@linkplain #restore brought back}; a run that goes on from there gives the same bits.
 */
public final class AdamW implements AutoCloseable {
    /** Parameters of fewer elements keep F32 moments: there is little to save, and norms are among them. */
    private static final long FEWEST_CODED = 4096;

    private final Settings settings;
    private final Storage storage;
    private final Scope scope;
    private final SequencedMap<String, Slot> slots = new LinkedHashMap<>();
    private long stepCount;

    /**
     * The numbers that stay the same from step to step.
     *
     * @param beta1 the decay of the first moment, from 0 to below 1
     * @param beta2 the decay of the second moment, from 0 to below 1
     * @param epsilon added to the root of the second moment, above 0
     * @param weightDecay the decoupled decay of the parameters that decay, 0 or more
     */
    public record Settings(double beta1, double beta2, double epsilon, double weightDecay) {
        /** PyTorch's values, without decay. */
        public static final Settings DEFAULT = new Settings(0.9, 0.999, 1e-8, 0);

        /** Checks the numbers. */
        public Settings {
            if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1)) {
                throw new IllegalArgumentException("[adamw] betas must be from 0 to below 1: %s and %s".formatted(beta1, beta2));
            }
            if (!(epsilon > 0) || Double.isInfinite(epsilon)) {
                throw new IllegalArgumentException("[adamw] epsilon must be above 0, not " + epsilon);
            }
            if (!(weightDecay >= 0) || Double.isInfinite(weightDecay)) {
                throw new IllegalArgumentException("[adamw] weight decay must be 0 or more, not " + weightDecay);
            }
        }
    }

    /**
     * What moments and parameters are kept in.
     *
     * @param codedMoments whether the moments of parameters of 4,096 elements or more take 8 bits each ({@link BlockCodes}) instead of 32
     * @param stochasticRounding whether BF16 parameters are rounded by chance, so that on average no update is lost
     *     ({@link kept.backend.AdamWStep.Rounding})
     * @param seed of that chance
     */
    public record Storage(boolean codedMoments, boolean stochasticRounding, long seed) {
        /** F32 moments, and parameters rounded to nearest. */
        public static final Storage PLAIN = new Storage(false, false, 0);
    }

    /** Which parameters decay. */
    @FunctionalInterface
    public interface Decay {
        /** All of them, norms and biases too. */
        Decay ALL = (_, _) -> true;
        /** Those with at least two axes: matrices, but neither norms nor biases. */
        Decay MATRICES = (_, parameter) -> parameter.value().rank() >= 2;

        /**
         * Whether a parameter decays.
         *
         * @param name its name
         * @param parameter the parameter
         * @return true to let it decay
         */
        boolean applies(String name, Parameter parameter);
    }

    /**
     * The running averages of one parameter.
     *
     * @param first of the gradient; of the parameter's shape, F32, or {@link BlockCodes}
     * @param second of the gradient's square; likewise, but the codes are of its root
     */
    public record Moments(Tensor first, Tensor second) {}

    private record Slot(Parameter parameter, Moments moments, double weightDecay) {}

    /**
     * An optimizer of all parameters that are trainable now, with moments of zeros on the device of the first.
     *
     * @param parameters the parameters by name; frozen ones are left out
     * @param settings the numbers
     * @param decay which parameters decay
     * @throws TensorException if none is trainable, or two share elements
     */
    public AdamW(SequencedMap<String, Parameter> parameters, Settings settings, Decay decay) {
        this(parameters, settings, decay, Storage.PLAIN);
    }

    /**
     * An optimizer that keeps its moments and rounds its parameters as told.
     *
     * @param parameters the parameters by name; frozen ones are left out
     * @param settings the numbers
     * @param decay which parameters decay
     * @param storage what moments and parameters are kept in
     * @throws TensorException if none is trainable, or two share elements
     */
    public AdamW(SequencedMap<String, Parameter> parameters, Settings settings, Decay decay, Storage storage) {
        Arguments.present("adamw", "parameters", parameters);
        Arguments.present("adamw", "decay", decay);
        this.settings = Arguments.present("adamw", "settings", settings);
        this.storage = Arguments.present("adamw", "storage", storage);
        SequencedMap<String, Parameter> trainable = Trainable.of("adamw", parameters);
        scope = Scope.detached(trainable.firstEntry().getValue().value().device());
        scope.run(() -> {
            trainable.forEach((name, parameter) -> slots.put(name, slot(parameter, decay.applies(name, parameter))));
            return null;
        });
    }

    /**
     * Whether moments of 8 bits are made for a parameter where they are asked for.
     *
     * @param shape the parameter's
     * @return false for the small ones, whose moments are F32 always
     */
    public static boolean isCoded(Shape shape) {
        return shape.elementCount() >= FEWEST_CODED;
    }

    private Slot slot(Parameter parameter, boolean decays) {
        long count = parameter.value().elementCount();
        boolean coded = storage.codedMoments && isCoded(parameter.value().shape());
        DType dtype = coded ? DType.I32 : DType.F32;
        Shape shape = coded ? BlockCodes.shape(count) : parameter.value().shape();
        return new Slot(parameter, new Moments(Tensor.full(0, dtype, shape), Tensor.full(0, dtype, shape)), decays ? settings.weightDecay : 0);
    }

    /**
     * Updates every parameter that has a gradient.
     *
     * @param learningRate the learning rate of this step
     * @param gradientScale what gradients are multiplied by first: {@link GradientClipping#scale}, or 1
     * @throws TensorException if the scale is not a finite number, or the learning rate is negative, infinite or NaN
     */
    public void step(double learningRate, double gradientScale) {
        Trainable.checkStep("adamw", learningRate, gradientScale);
        stepCount++;
        // One for each parameter and step.
        long stream = stepCount * slots.size();
        for (Slot slot : slots.values()) {
            Tensor value = slot.parameter.value();
            var rounding = new AdamWStep.Rounding(storage.stochasticRounding, storage.seed, stream++);
            if (value.gradient() != null) {
                var numbers = new AdamWStep(
                        stepCount, learningRate, settings.beta1, settings.beta2, settings.epsilon, slot.weightDecay, gradientScale, rounding);
                value.backend().adamW(numbers, value, value.gradient(), slot.moments.first, slot.moments.second);
            }
        }
    }

    /** Frees the gradients of all its parameters: the next forward pass may use their memory. */
    public void clearGradients() {
        slots.values().forEach(slot -> slot.parameter.value().clearGradient());
    }

    /**
     * How many steps have been made.
     *
     * @return the count, which the bias corrections depend on
     */
    public long stepCount() {
        return stepCount;
    }

    /**
     * The parameters that this optimizer trains.
     *
     * @return a read-only map by name, in the order given
     */
    public SequencedMap<String, Parameter> parameters() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        slots.forEach((name, slot) -> parameters.put(name, slot.parameter));
        return Collections.unmodifiableSequencedMap(parameters);
    }

    /**
     * The state to save, together with {@link #stepCount}.
     *
     * @return a read-only map by parameter name; the tensors change with the next step
     */
    public SequencedMap<String, Moments> moments() {
        SequencedMap<String, Moments> moments = new LinkedHashMap<>();
        slots.forEach((name, slot) -> moments.put(name, slot.moments));
        return Collections.unmodifiableSequencedMap(moments);
    }

    /**
     * Goes back to a saved state.
     *
     * @param steps the step count then
     * @param saved the moments then, by parameter name; copied
     * @throws TensorException if names or shapes are not those of this optimizer
     */
    public void restore(long steps, Map<String, Moments> saved) {
        checkCount(steps);
        if (!Arguments.present("adamw", "the saved state", saved).keySet().equals(slots.keySet())) {
            throw new TensorException("[adamw] the saved state is of other parameters: %s, not %s".formatted(saved.keySet(), slots.keySet()));
        }
        slots.forEach((name, slot) -> check(name, slot, saved.get(name)));
        slots.forEach((name, slot) -> {
            slot.moments.first.assign(saved.get(name).first);
            slot.moments.second.assign(saved.get(name).second);
        });
        stepCount = steps;
    }

    /**
     * Forgets the moments, as if there had been no gradients yet.
     *
     * @param steps the step count from now on
     * @throws TensorException if the count is negative
     */
    public void clearMoments(long steps) {
        checkCount(steps);
        slots.values().forEach(slot -> {
            slot.moments.first.fill(0);
            slot.moments.second.fill(0);
        });
        stepCount = steps;
    }

    private static void checkCount(long steps) {
        if (steps < 0) {
            throw new TensorException("[adamw] a state after %d steps: the count is 0 or more".formatted(steps));
        }
    }

    private static void check(String name, Slot slot, Moments saved) {
        for (Tensor moment : new Tensor[] {saved.first, saved.second}) {
            Tensor own = slot.moments.first;
            if (moment.dtype() != own.dtype() || !moment.shape().equals(own.shape())) {
                throw new TensorException("[adamw] a saved moment of '%s' is %s %s, not %s %s"
                        .formatted(name, moment.dtype().label(), moment.shape(), own.dtype().label(), own.shape()));
            }
        }
    }

    /** Frees the moments. */
    @Override
    public void close() {
        scope.close();
    }
}
