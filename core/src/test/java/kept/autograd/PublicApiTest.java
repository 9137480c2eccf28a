package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** That {@link EveryOperationTest} has every operation there is: a new one without an entry fails here. */
class PublicApiTest {
    private static final List<String> PACKAGES = List.of("kept.tensor", "kept.autograd", "kept.nn", "kept.optim", "kept.linalg");

    /** How the parts of the library work together: nothing that a user finds on a class of these packages. */
    private static final Set<String> PLUMBING = Set.of(
            "alias", "view", "recordedBy", "node", "setGradient", "gradientAccumulator", "buffer", "expandedStrides", "version", "storage", "plain");

    /** What takes arguments and is no operation on operands, by the test that holds its checks. */
    private static final Set<String> IN_ARGUMENTS_TEST = Set.of(
            "Tensor.empty(DType, Shape)", "Tensor.full(double, DType, Shape)", "Tensor.zeros(long[])", "Tensor.ones(long[])",
            "Tensor.scalar(double, DType)", "Tensor.of(float[], long[])", "Tensor.of(int[], long[])", "Tensor.of(long[], long[])",
            "Tensor.of(double[], long[])", "Tensor.of(byte[], long[])", "Tensor.of(boolean[], long[])",
            "Tensor.from(MemorySegment, DType, Shape)", "TensorCreation.arange(int)", "TensorCreation.uniform(long, long, long[])",
            "TensorCreation.normal(long, long, long[])", "TensorCreation.linspace(double, double, int)",
            "TensorCreation.eye(long)", "TensorCreation.eye(long, long)", "HostValues.get(long[])",
            "Tensor.size(int)", "Tensor.stride(int)", "Tensor.requireGradient(DType)",
            "HostValues.download(MemorySegment)", "HostValues.upload(MemorySegment)",
            "Autograd.apply(Operation, Tensor[])", "Autograd.backward(Tensor, Tensor)", "Autograd.backwardOnce(Tensor, Tensor)",
            "FactoredLogits(Tensor, Tensor)", "Shape.of(long[])", "Shape.size(int)", "Shape.with(int, long)",
            "Shape.broadcast(Shape, Shape)",
            "Parameter(Tensor)", "Parameter.setGradientType(DType)", "Linear(Tensor, Tensor)", "Linear(BlockMatrix, Tensor)",
            "Linear(Tensor, Tensor, LowRankUpdate)", "LowRankUpdate(Tensor, Tensor, double)", "Embedding(Tensor)", "RmsNorm(Tensor, double)",
            "LayerNorm(Tensor, Tensor, double)", "LayerNorm.aroundOne(Tensor, Tensor, double)", "LayerNorm.withoutParameters(long, double)",
            "SwiGlu(Linear, Linear, Linear)", "GatedFeedForward(Activation, Linear, Linear, Linear)",
            "PlainFeedForward(Activation, String, Linear, String, Linear)", "FeedForward.project(List)",
            "Attention(Linear, Linear, Linear, Linear, int, int, int)", "RotaryEmbedding(int, double, RopeScaling, long)",
            "RotaryEmbedding.angles(long, long)", "RotaryEmbedding.angles(long, long, long)",
            "AdamW(SequencedMap, Settings, Decay)", "AdamW(SequencedMap, Settings, Decay, Storage)", "AdamW.step(double, double)",
            "AdamW.restore(long, Map)", "AdamW.clearMoments(long)", "AdamW.setStepCount(long)", "AdamW.ofParts(List, Settings, Storage)",
            "Part(String, Parameter, Shape, long)", "Parameter.adoptGradient(Tensor)", "GradientClipping.ofSquares(double, double)",
            "Settings(double, double, double, double)", "Settings(double, boolean, double)",
            "Sgd(SequencedMap, Settings, Decay)", "Sgd.step(double, double)", "Sgd.restore(Map)", "Convolution(int, int, int, int)",
            "Functional.dropout(Tensor, double, boolean, long, long)", "GradientClipping.globalNorm(Collection, double)",
            "DoubleMatrix(double[], int, int, int, int)", "DoubleMatrix.zeros(int, int)", "DoubleMatrix.block(int, int, int, int)",
            "DoubleMatrix.rows(int, int)", "DoubleMatrix.get(int, int)", "DoubleMatrix.set(int, int, double)",
            "DoubleMatrix.fill(float[], int, int)", "Cholesky.of(DoubleMatrix, double)", "Cholesky.of(DoubleMatrix, double, DoubleMatrix)",
            "Cholesky.solve(DoubleMatrix)", "DoubleProducts.addProduct(int, DoubleMatrix, DoubleMatrix, DoubleMatrix)",
            "DoubleProducts.addTransposedProduct(int, DoubleMatrix, DoubleMatrix, DoubleMatrix)",
            "DoubleProducts.addGram(int, DoubleMatrix, DoubleMatrix)");

    /** What the tests of its own class hold: scopes and devices, writes, schedules, scalings, functions that callers hand over. */
    private static final List<String> ELSEWHERE = List.of(
            "InPlace.", "Tensor.gradient", "Tensor.requireGradient()", "Views.overlaps(", "AdamW.isCoded(", "Scope.",
                    "Device.", "KernelCall.",
                    "Bfloat16.", "DType.", "Divergence.",
            "Autograd.withoutRecording(", "Autograd.segmentResult(", "Layer.",
                    "KeyValues.", "Extension(", "Pair(", "Norm.addAndForward(", "Norm.forward(Tensor, DType)",
                    "Parameter.setTrainable(", "Linear.mergedWeight(", "Linear.setMerging(", "FeedForward.projectInput(",
                    "LongRope",
            "RopeScaling.", "Linear(double)", "DynamicNtk(", "Llama3(", "Yarn", "Angles", "LearningRateSchedule.", "Constant", "Cosine",
            "Storage(", "Decay.applies(", "Moments(", "GradientClipping(", "DoubleMatrix.index(", "NormalizedSum(", "DistillationLoss(",
                    "DistillationScores(",
                    "Gradients.", "Sorted(", "Init.", "GradientChecks.", "Mismatch(", "Report(",
            "SavedTensor.");

    @Test
    void everyPublicOperationHasAnEntry() throws IOException, URISyntaxException {
        Set<String> entries = EveryOperationTest.methods().collect(Collectors.toCollection(TreeSet::new));
        Set<String> all = new TreeSet<>();
        Set<String> missing = new TreeSet<>();
        for (Class<?> type : publicClasses()) {
            for (Executable executable : executables(type)) {
                String key = key(executable);
                all.add(key);
                boolean isHeld = entries.contains(key) || IN_ARGUMENTS_TEST.contains(key) || ELSEWHERE.stream().anyMatch(key::startsWith);
                if (!isHeld) {
                    missing.add(key);
                }
            }
        }
        assertThat(missing).as("operations without an entry in the tables of EveryOperationTest").isEmpty();
        assertThat(all).as("what entries name is there").containsAll(entries).containsAll(IN_ARGUMENTS_TEST);
    }

    /** Other packages hold operations, checks and access to a tensor's parts, and are not exported. */
    @Test
    void thePackagesOfUsersAndOfDevicesAreExportedAndNoOthers() throws IOException {
        List<String> exported = Files.readAllLines(Path.of("src/main/java/module-info.java")).stream().map(String::strip)
                .filter(line -> line.startsWith("exports ")).map(line -> line.substring("exports ".length())).toList();
        assertThat(exported).containsExactlyInAnyOrderElementsOf(
                Stream.concat(PACKAGES.stream(), Stream.of("kept.backend", "kept.distributed")).map(name -> name + ";").toList());
    }

    @Test
    void plumbingIsNoPartOfThePublicApi() throws IOException, URISyntaxException {
        List<String> found = new ArrayList<>();
        for (Class<?> type : publicClasses()) {
            if (type != Operation.class && Operation.class.isAssignableFrom(type)) {
                found.add(type.getName());
            }
            Stream.of(type.getDeclaredMethods())
                    .filter(method -> Modifier.isPublic(method.getModifiers()) && PLUMBING.contains(method.getName()))
                    .forEach(method -> found.add(type.getSimpleName() + "." + method.getName()));
        }
        assertThat(found).isEmpty();
    }

    /** Everything public that takes an argument or computes a tensor from the one it is called on. */
    static List<Executable> executables(Class<?> type) {
        boolean computes = type == Tensor.class || type.isInterface() && type.getPackageName().equals("kept.tensor");
        Stream<Executable> methods = Arrays.stream(type.getDeclaredMethods())
                .filter(method -> !method.isSynthetic() && !isInherited(method))
                .filter(method -> method.getParameterCount() > 0 || computes && method.getReturnType() == Tensor.class && !method.getName()
                        .equals("self"))
                .map(method -> method);
        // Operations are made by the methods users call.
        Stream<Executable> constructors = Operation.class.isAssignableFrom(type) || Throwable.class.isAssignableFrom(type) || type.isEnum()
                ? Stream.empty() : Arrays.stream(type.getDeclaredConstructors()).filter(made -> made.getParameterCount() > 0)
                .map((Constructor<?> made) -> made);
        return Stream.concat(methods, constructors).filter(executable -> Modifier.isPublic(executable.getModifiers())).toList();
    }

    private static boolean isInherited(Method method) {
        return method.getName().equals("equals") || method.getDeclaringClass().isEnum();
    }

    static String key(Executable executable) {
        String owner = executable.getDeclaringClass().getSimpleName();
        String parameters = Arrays.stream(executable.getParameterTypes()).map(Class::getSimpleName).collect(Collectors.joining(", ", "(", ")"));
        return executable instanceof Method method ? owner + "." + method.getName() + parameters : owner + parameters;
    }

    static List<Class<?>> publicClasses() throws IOException, URISyntaxException {
        URI classes = Tensor.class.getProtectionDomain().getCodeSource().getLocation().toURI();
        List<Class<?>> all = new ArrayList<>();
        for (String name : PACKAGES) {
            try (Stream<Path> files = Files.list(Path.of(classes).resolve(name.replace('.', '/')))) {
                for (Path file : files.toList()) {
                    String simple = file.getFileName().toString();
                    if (simple.endsWith(".class") && !simple.endsWith("-info.class")) {
                        all.add(loaded(name + "." + simple.substring(0, simple.length() - ".class".length())));
                    }
                }
            }
        }
        return all.stream().filter(PublicApiTest::isPublic).toList();
    }

    private static Class<?> loaded(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean isPublic(Class<?> type) {
        return Modifier.isPublic(type.getModifiers()) && !type.isAnonymousClass() && (type.getEnclosingClass() == null || isPublic(type
                .getEnclosingClass()));
    }
}
