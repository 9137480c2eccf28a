package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import kept.backend.DistillationObjective;
import kept.nn.Activation;
import kept.nn.Attention;
import kept.nn.Convolution;
import kept.nn.Embedding;
import kept.nn.FeedForward;
import kept.nn.GatedFeedForward;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Parameter;
import kept.nn.PlainFeedForward;
import kept.nn.RmsNorm;
import kept.nn.RopeScaling;
import kept.nn.RotaryEmbedding;
import kept.nn.SwiGlu;
import kept.optim.AdamW;
import kept.optim.Sgd;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

/**
 * Everything public, called with random arguments: null, freed tensors, all types, layouts and empty shapes, numbers at the limits of their types. A
 * call ends with a result or with an error in the library's words, and so does the backward pass from its result.
 */
class RandomArgumentsTest {
    private static final int CALLS = 80;

    private static final long[] WHOLE = {
        0, 1, 2, 3, -1, -2, 5, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE, Integer.MIN_VALUE, -(1L << 40)
    };
    private static final double[] NUMBERS = {
        0, -0.0, 1, -1, 0.5, 2, 1e-5, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300, 1e-300, 1e39, Double.MIN_VALUE, 255
    };
    private static final long[][] SHAPES = {
        {2, 3}, {3}, {3, 3}, {1, 2, 4, 4}, {2, 3, 4}, {2, 2}, {4, 4}, {}, {4}, {0, 3}, {2, 0}, {1, 1, 1}, {12, 4}
    };
    private static final String[] TEXTS = {"ij,jk->ik", "i->", "ii->i", "", "->", "ij", "a,a", "i,j->ij", "i->ii", "cpu", "nix", "scale"};

    /** What a caller hands over and the library calls. */
    private static final Set<String> CALLBACKS = Set.of("Autograd.apply(Operation, Tensor[])", "Operation.", "Scope.open()", "SavedTensor.");

    private final Map<Class<?>, Supplier<Object>> made = new HashMap<>();
    private final Map<String, String> wrong = new TreeMap<>();
    private final Set<String> worked = new TreeSet<>();
    private SplittableRandom random;
    private Tensor freed;

    @Test
    void endInAResultOrInAnErrorInTheLibrarysWords() throws IOException, URISyntaxException {
        registerObjects();
        int count = 0;
        try (var _ = Scope.open()) {
            try (var _ = Scope.open()) {
                freed = Tensor.ones(2, 3);
            }
            for (Class<?> type : PublicApiTest.publicClasses()) {
                for (Executable executable : PublicApiTest.executables(type)) {
                    String key = PublicApiTest.key(executable);
                    boolean isAbstract = Modifier.isAbstract(executable.getModifiers());
                    if (!isAbstract && !executable.isSynthetic() && CALLBACKS.stream().noneMatch(key::startsWith)) {
                        random = new SplittableRandom(key.hashCode());
                        for (int i = 0; i < CALLS; i++) {
                            call(key, executable);
                        }
                        count++;
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(count).as("methods and constructors").isGreaterThan(200);
        assertThat((double) worked.size() / count).as("part of them that was called with what it takes").isGreaterThan(0.8);
    }

    private void call(String key, Executable executable) {
        Scope before = Scope.current();
        var scope = Scope.open();
        try {
            boolean isOfObject = executable instanceof Method && !Modifier.isStatic(executable.getModifiers());
            Object self = isOfObject ? self(executable.getDeclaringClass()) : null;
            Object[] arguments = Arrays.stream(executable.getParameterTypes())
                    .map(type -> type.isPrimitive() || random.nextInt(8) > 0 ? argument(type) : null)
                    .toArray();
            if (isOfObject && self == null) {
                return;
            }
            Object result = executable instanceof Method method
                    ? method.invoke(self, arguments) : ((Constructor<?>) executable).newInstance(arguments);
            worked.add(key);
            if (result instanceof Tensor tensor && !tensor.isReleased() && tensor.requiresGradient() && tensor.elementCount() < 1000) {
                Autograd.backward(tensor, null);
            }
        } catch (InvocationTargetException e) {
            check(key, e.getCause());
        } catch (TensorException | IllegalArgumentException e) {
            check(key, e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        } finally {
            while (Scope.current() != scope) {
                Scope.current().close();
            }
            scope.close();
            assertThat(Scope.current()).isSameAs(before);
        }
    }

    private void check(String key, Throwable thrown) {
        boolean isTyped = thrown instanceof TensorException || thrown instanceof IllegalArgumentException
                || thrown instanceof IndexOutOfBoundsException || thrown instanceof IllegalStateException;
        boolean isOurs = isTyped && thrown.getMessage() != null && thrown.getMessage().matches("(?s)\\[[a-zA-Z0-9 -]+\\] .+");
        if (!isOurs && !wrong.containsKey(key)) {
            wrong.put(key, thrown + " at " + Arrays.stream(thrown.getStackTrace()).limit(3).toList());
        }
    }

    private void registerObjects() {
        Supplier<Tensor> square = () -> Tensor.uniform(random.nextInt(), 0, 4, 4);
        Supplier<Linear> linear = () -> new Linear(square.get(), random.nextBoolean() ? null : Tensor.ones(4));
        made.put(Linear.class, linear::get);
        made.put(Embedding.class, () -> new Embedding(square.get()));
        made.put(RmsNorm.class, () -> new RmsNorm(Tensor.ones(4), 1e-5));
        made.put(LayerNorm.class, () -> new LayerNorm(Tensor.ones(4), Tensor.ones(4), 1e-5));
        made.put(SwiGlu.class, () -> new SwiGlu(linear.get(), linear.get(), linear.get()));
        made.put(GatedFeedForward.class, () -> new GatedFeedForward(Activation.GELU_TANH, linear.get(), linear.get(), linear.get()));
        made.put(PlainFeedForward.class, () -> new PlainFeedForward(Activation.RELU_SQUARED, "up", linear.get(), "down", linear.get()));
        made.put(FeedForward.class, () -> new PlainFeedForward(Activation.GELU, "up", linear.get(), "down", linear.get()));
        made.put(Attention.class, () -> new Attention(linear.get(), linear.get(), linear.get(), linear.get(), 2, 2, 2));
        made.put(RotaryEmbedding.class, () -> new RotaryEmbedding(2, 1e4, new RopeScaling.None(), 16));
        made.put(RotaryEmbedding.Angles.class, () -> new RotaryEmbedding.Angles(Tensor.ones(3, 1), Tensor.ones(3, 1)));
        made.put(RopeScaling.class, RopeScaling.None::new);
        made.put(Parameter.class, () -> new Parameter(square.get()));
        made.put(AdamW.class, () -> new AdamW(parameters(), AdamW.Settings.DEFAULT, AdamW.Decay.MATRICES));
        made.put(Sgd.class, () -> new Sgd(parameters(), new Sgd.Settings(0.9, false, 0), AdamW.Decay.MATRICES));
        made.put(FactoredLogits.class, () -> new FactoredLogits(square.get(), square.get()));
        made.put(DistillationObjective.class, () -> DistillationObjective.FORWARD_KL);
        made.put(Convolution.class, () -> Convolution.DEFAULT);
        made.put(Device.class, Device::cpu);
        made.put(Scope.class, () -> Scope.detached(Device.cpu()));
        made.put(Shape.class, () -> Shape.of(SHAPES[random.nextInt(SHAPES.length)]));
        made.put(String.class, () -> TEXTS[random.nextInt(TEXTS.length)]);
        made.put(MemorySegment.class, () -> MemorySegment.ofArray(new float[random.nextInt(7)]));
        made.put(Tensor[].class, () -> new Tensor[] {tensor(), tensor()});
        made.put(Supplier.class, () -> (Supplier<Tensor>) this::tensor);
        made.put(UnaryOperator.class, () -> (UnaryOperator<Tensor>) x -> random.nextInt(4) == 0 ? tensor() : x.mul(2));
        made.put(Function.class, () -> (Function<Tensor[], Tensor>) x -> x.length == 0 ? tensor() : x[0].mul(x[0]));
        made.put(Collection.class, () -> List.copyOf(parameters().values()));
        made.put(List.class, List::of);
        made.put(SequencedMap.class, this::parameters);
        made.put(Map.class, LinkedHashMap::new);
    }

    private SequencedMap<String, Parameter> parameters() {
        var parameters = new LinkedHashMap<String, Parameter>();
        parameters.put("w", new Parameter(Tensor.uniform(random.nextInt(), 0, 4, 4)));
        return parameters;
    }

    private Object self(Class<?> type) {
        return type.isAssignableFrom(Tensor.class) ? tensor() : argument(type);
    }

    private Object argument(Class<?> type) {
        if (type == Tensor.class) {
            return tensor();
        }
        if (made.containsKey(type)) {
            return made.get(type).get();
        }
        if (type.isEnum()) {
            return type.getEnumConstants()[random.nextInt(type.getEnumConstants().length)];
        }
        return switch (type.getSimpleName()) {
            case "int" -> (int) whole();
            case "long" -> whole();
            case "short" -> (short) whole();
            case "double" -> NUMBERS[random.nextInt(NUMBERS.length)];
            case "float" -> (float) NUMBERS[random.nextInt(NUMBERS.length)];
            case "boolean" -> random.nextBoolean();
            case "long[]" -> random.ints(random.nextInt(4)).mapToLong(_ -> whole()).toArray();
            case "int[]" -> random.ints(random.nextInt(4)).map(_ -> (int) whole()).toArray();
            case "float[]" -> new float[random.nextInt(7)];
            case "double[]" -> new double[random.nextInt(7)];
            case "byte[]" -> new byte[random.nextInt(7)];
            case "boolean[]" -> new boolean[random.nextInt(7)];
            default -> null;
        };
    }

    /** Mostly a small number. As an int, none is so large that a tensor of that many elements could be allocated. */
    private long whole() {
        return random.nextInt(4) > 0 ? random.nextInt(4) : WHOLE[random.nextInt(WHOLE.length)];
    }

    private Tensor tensor() {
        int kind = random.nextInt(24);
        if (kind == 0) {
            return freed;
        }
        DType dtype = random.nextInt(3) > 0 ? DType.F32 : DType.values()[random.nextInt(DType.values().length)];
        Shape shape = Shape.of(SHAPES[random.nextInt(SHAPES.length)]);
        Tensor x = Tensor.uniform(random.nextInt(), 0, shape.toArray()).reshape(shape).mul(random.nextInt(4) == 0 ? 1e30 : 3).cast(dtype);
        x = switch (kind) {
            case 1 -> x.unsqueeze(0).expand(expanded(shape));
            case 2, 3 -> x.rank() < 2 ? x : x.transpose(0, -1);
            case 4, 5 -> x.rank() > 0 && x.size(0) > 1 ? x.slice(0, 0, x.size(0), 2) : x;
            default -> x;
        };
        return dtype.isFloating() && random.nextBoolean() ? x.detach().requireGradient() : x;
    }

    private static long[] expanded(Shape shape) {
        long[] extents = new long[shape.rank() + 1];
        extents[0] = 2;
        System.arraycopy(shape.toArray(), 0, extents, 1, shape.rank());
        return extents;
    }
}
