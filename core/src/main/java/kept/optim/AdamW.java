package kept.optim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.backend.AdamWStep;
import kept.backend.BlockCodes;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101); the formula is {@link kept.backend.Backend#adamW}. The moments are
 * F32 for any dtype of the parameters, or 8-bit ({@link Storage}); this object owns them, and {@link #close} frees them. Its state can be
 * {@linkplain #moments() saved} and {@linkplain #restore restored}; a run that resumes from it is bit-identical.
 */
public final class AdamW implements AutoCloseable {
    /** Smaller parameters, such as norms, keep F32 moments, because 8-bit moments would save little. */
    private static final long MIN_CODED = 4096;

    private final Settings settings;
    private final Storage storage;
    private final Scope scope;
    private final SequencedMap<String, Slot> slots = new LinkedHashMap<>();
    private long stepCount;

    /**
     * The hyperparameters.
     *
     * @param beta1 the decay rate of the first moment, in [0, 1)
     * @param beta2 the decay rate of the second moment, in [0, 1)
     * @param epsilon added to the square root of the second moment, above 0
     * @param weightDecay the decoupled weight decay, at least 0
     */
    public record Settings(double beta1, double beta2, double epsilon, double weightDecay) {
        /** PyTorch's defaults, without weight decay. */
        public static final Settings DEFAULT = new Settings(0.9, 0.999, 1e-8, 0);

        /** Validates the values. */
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
     * The precision of moments and the rounding of parameters.
     *
     * @param codedMoments whether to store moments of parameters with at least 4,096 elements in 8 bits ({@link BlockCodes}) instead of 32
     * @param stochasticRounding whether to round BF16 parameters stochastically, so that small updates are not lost on average
     *     ({@link kept.backend.AdamWStep.Rounding})
     * @param seed of that chance
     */
    public record Storage(boolean codedMoments, boolean stochasticRounding, long seed) {
        /** F32 moments, and parameters rounded to nearest. */
        public static final Storage PLAIN = new Storage(false, false, 0);
    }

    /**
     * The elements of a parameter that this optimizer updates: all of them, or a run of them where several processes each have a part.
     *
     * @param name the parameter's
     * @param parameter the elements; those of a part have one axis
     * @param whole the shape of the whole parameter
     * @param first the index of the first element in the whole, in row-major order; a multiple of {@link BlockCodes#BLOCK}
     */
    public record Part(String name, Parameter parameter, Shape whole, long first) {
        /** Validates the place. */
        public Part {
            Arguments.present("adamw", "the name", name);
            Arguments.present("adamw", "the parameter", parameter);
            Arguments.present("adamw", "the whole's shape", whole);
            long count = parameter.value().elementCount();
            if (first < 0 || first % BlockCodes.BLOCK != 0 && count > 0 || first + count > whole.elementCount()) {
                throw new TensorException("[adamw] a part of %d elements cannot begin at element %d of %s".formatted(count, first, whole));
            }
        }

        /**
         * A whole parameter.
         *
         * @param name the parameter's
         * @param parameter the parameter
         * @return all its elements
         */
        static Part all(String name, Parameter parameter) {
            return new Part(name, parameter, parameter.value().shape(), 0);
        }
    }

    /** Selects the parameters with weight decay. */
    @FunctionalInterface
    public interface Decay {
        /** All parameters, including norms and biases. */
        Decay ALL = (_, _) -> true;
        /** Parameters with at least two dimensions: matrices, but not norms or biases. */
        Decay MATRICES = (_, parameter) -> parameter.value().rank() >= 2;

        /**
         * Whether a parameter has weight decay.
         *
         * @param name its name
         * @param parameter the parameter
         * @return true to apply weight decay
         */
        boolean applies(String name, Parameter parameter);
    }

    /**
     * The moving averages of one parameter.
     *
     * @param first of the gradient; F32 with the parameter's shape, or {@link BlockCodes}
     * @param second of the squared gradient, in the same form, except that codes represent its square root
     */
    public record Moments(Tensor first, Tensor second) {}

    private record Slot(Part part, Moments moments, double weightDecay) {
        Parameter parameter() {
            return part.parameter;
        }
    }

    /**
     * Creates an optimizer of all currently trainable parameters, with zero moments on the device of the first parameter.
     *
     * @param parameters the parameters by name; frozen ones are skipped
     * @param settings the numbers
     * @param decay which parameters decay
     * @throws TensorException if none is trainable, two share elements, or one is F64
     */
    public AdamW(SequencedMap<String, Parameter> parameters, Settings settings, Decay decay) {
        this(parameters, settings, decay, Storage.PLAIN);
    }

    /**
     * Creates an optimizer with a given storage of moments and rounding of parameters.
     *
     * @param parameters the parameters by name; frozen ones are skipped
     * @param settings the numbers
     * @param decay which parameters decay
     * @param storage the precision of moments and the rounding of parameters
     * @throws TensorException if none is trainable, two share elements, or one is F64
     */
    public AdamW(SequencedMap<String, Parameter> parameters, Settings settings, Decay decay, Storage storage) {
        this(settings, storage, whole(Arguments.present("adamw", "parameters", parameters)), Arguments.present("adamw", "decay", decay));
    }

    /**
     * Creates an optimizer of parts of parameters, which does with their elements what an optimizer of the whole parameters does with them: moments
     * are 8-bit, and rounding is by chance, as in the whole.
     *
     * @param parts a part of each parameter, which is trainable and may have no elements
     * @param settings the numbers
     * @param storage the precision of moments and the rounding of parameters
     * @return the optimizer; weight decay applies to parameters with at least two dimensions
     * @throws TensorException if there is none, two share elements or a name, or one is F64
     */
    public static AdamW ofParts(List<Part> parts, Settings settings, Storage storage) {
        return new AdamW(settings, storage, Arguments.present("adamw", "parts", parts), Decay.MATRICES);
    }

    private AdamW(Settings settings, Storage storage, List<Part> parts, Decay decay) {
        this.settings = Arguments.present("adamw", "settings", settings);
        this.storage = Arguments.present("adamw", "storage", storage);
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        for (Part part : parts) {
            if (parameters.put(part.name, part.parameter) != null) {
                throw new TensorException("[adamw] two parts are called '%s'; give one for each parameter".formatted(part.name));
            }
        }
        SequencedMap<String, Parameter> trainable = Trainable.of("adamw", parameters);
        scope = Scope.detached(trainable.firstEntry().getValue().value().device());
        scope.run(() -> {
            parts.stream().filter(part -> trainable.containsKey(part.name))
                    .forEach(part -> slots.put(part.name, slot(part.name, part, decays(decay, part.name, part))));
            return null;
        });
    }

    private static List<Part> whole(SequencedMap<String, Parameter> parameters) {
        return parameters.entrySet().stream().map(entry -> Part.all(entry.getKey(), entry.getValue())).toList();
    }

    private static boolean decays(Decay decay, String name, Part part) {
        return decay == Decay.MATRICES ? part.whole.rank() >= 2 : decay.applies(name, part.parameter);
    }

    /**
     * Whether a parameter of this shape has 8-bit moments if they are enabled.
     *
     * @param shape the parameter's
     * @return false for small parameters, whose moments are always F32
     */
    public static boolean isCoded(Shape shape) {
        return Arguments.present("adamw", "the shape", shape).elementCount() >= MIN_CODED;
    }

    private Slot slot(String name, Part part, boolean decays) {
        Parameter parameter = part.parameter;
        if (parameter.value().dtype() == DType.F64) {
            throw new DTypeException("[adamw] parameter '%s' is f64, and steps are computed in f32; use Sgd, or parameters in f32".formatted(name));
        }
        long count = parameter.value().elementCount();
        boolean coded = storage.codedMoments && isCoded(part.whole);
        DType dtype = coded ? DType.I32 : DType.F32;
        Shape shape = coded ? BlockCodes.shape(count) : parameter.value().shape();
        return new Slot(part, new Moments(Tensor.full(0, dtype, shape), Tensor.full(0, dtype, shape)), decays ? settings.weightDecay : 0);
    }

    /**
     * Updates every parameter that has a gradient.
     *
     * @param learningRate the learning rate of this step
     * @param gradientScale the factor applied to gradients: {@link GradientClipping#scale}, or 1
     * @throws TensorException if the scale is not finite, or the learning rate is negative, infinite or NaN
     */
    public void step(double learningRate, double gradientScale) {
        Trainable.checkStep("adamw", learningRate, gradientScale);
        stepCount++;
        // One random stream per parameter and step.
        long stream = stepCount * slots.size();
        for (Slot slot : slots.values()) {
            Tensor value = slot.parameter().value();
            var rounding = new AdamWStep.Rounding(storage.stochasticRounding, storage.seed, stream++, slot.part.first);
            if (value.gradient() != null) {
                var numbers = new AdamWStep(
                        stepCount, learningRate, settings.beta1, settings.beta2, settings.epsilon, slot.weightDecay, gradientScale, rounding);
                value.backend().adamW(numbers, value, value.gradient(), slot.moments.first, slot.moments.second);
            }
        }
    }

    /** Frees the gradients of all its parameters, whose memory the next forward pass may use. */
    public void clearGradients() {
        slots.values().forEach(slot -> slot.parameter().value().clearGradient());
    }

    /**
     * The number of steps made.
     *
     * @return the count, which determines the bias correction
     */
    public long stepCount() {
        return stepCount;
    }

    /**
     * The parameters this optimizer trains.
     *
     * @return a read-only map by name, in the order given
     */
    public SequencedMap<String, Parameter> parameters() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        slots.forEach((name, slot) -> parameters.put(name, slot.parameter()));
        return Collections.unmodifiableSequencedMap(parameters);
    }

    /**
     * The state to save together with {@link #stepCount}.
     *
     * @return a read-only map by parameter name; the next step changes the tensors
     */
    public SequencedMap<String, Moments> moments() {
        SequencedMap<String, Moments> moments = new LinkedHashMap<>();
        slots.forEach((name, slot) -> moments.put(name, slot.moments));
        return Collections.unmodifiableSequencedMap(moments);
    }

    /**
     * Restores a saved state.
     *
     * @param steps the saved step count
     * @param saved the saved moments by parameter name; copied
     * @throws TensorException if names or shapes do not match this optimizer
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
     * Resets the moments to zero.
     *
     * @param steps the new step count
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

    /**
     * Continues as after a number of steps, with the moments there are.
     *
     * @param steps the new step count
     * @throws TensorException if the count is negative
     */
    public void setStepCount(long steps) {
        checkCount(steps);
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
