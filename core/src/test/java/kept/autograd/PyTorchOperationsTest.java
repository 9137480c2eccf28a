package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import kept.nn.Convolution;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Sorted;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** Values and gradients beside those of PyTorch 2.13, which {@code make_operations.py} beside the data has written down. */
class PyTorchOperationsTest {
    private static final double TOLERANCE = 3e-6;

    /** A call with its operands, results and gradients, each a line of the file. */
    private record Case(String what, List<String> in, List<String> out, List<String> gradients) {}

    private static List<Case> cases() throws IOException {
        List<Case> cases = new ArrayList<>();
        try (InputStream file = PyTorchOperationsTest.class.getResourceAsStream("operations.txt")) {
            for (String line : new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
                String rest = line.substring(line.indexOf(' ') + 1);
                switch (line.substring(0, line.indexOf(' '))) {
                    case "case" -> cases.add(new Case(rest, new ArrayList<>(), new ArrayList<>(), new ArrayList<>()));
                    case "in" -> cases.getLast().in.add(rest);
                    case "out" -> cases.getLast().out.add(rest);
                    default -> cases.getLast().gradients.add(rest);
                }
            }
        }
        return cases;
    }

    private static Tensor tensor(String line) {
        String[] words = line.split(" ");
        long[] shape = words[1].equals("-") ? new long[0] : Arrays.stream(words[1].split(",")).mapToLong(Long::parseLong).toArray();
        String[] values = Arrays.copyOfRange(words, 2, words.length);
        if (words[0].equals("f32")) {
            float[] floats = new float[values.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = switch (values[i]) {
                    case "nan" -> Float.NaN;
                    case "inf" -> Float.POSITIVE_INFINITY;
                    case "-inf" -> Float.NEGATIVE_INFINITY;
                    default -> Float.parseFloat(values[i]);
                };
            }
            return Tensor.of(floats).reshape(shape);
        }
        Tensor integers = Tensor.of(Arrays.stream(values).mapToLong(Long::parseLong).toArray()).reshape(shape);
        return words[0].equals("i32") ? integers.cast(DType.I32) : integers;
    }

    private static Tensor[] both(Sorted sorted) {
        return new Tensor[] {sorted.values(), sorted.indices()};
    }

    private static Tensor[] call(String what, Tensor... x) {
        String[] words = what.split(" ");
        double[] n = words[0].equals("einsum") ? new double[0] : Arrays.stream(words).skip(1).mapToDouble(Double::parseDouble).toArray();
        int[] whole = Arrays.stream(n).mapToInt(number -> (int) number).toArray();
        return switch (words[0]) {
            case "sort" -> both(x[0].sort(whole[0], n[1] != 0));
            case "topK" -> both(x[0].topK(whole[0], whole[1], n[2] != 0));
            default -> new Tensor[] {words[0].startsWith("conv") ? convolved(words[0], whole, x) : one(words, n, whole, x)};
        };
    }

    private static Tensor convolved(String name, int[] whole, Tensor... x) {
        var convolution = new Convolution(whole[0], whole[1], whole[2], whole[3]);
        Tensor bias = x.length > 2 ? x[2] : null;
        return name.equals("conv1d") ? Functional.conv1d(x[0], x[1], bias, convolution) : Functional.conv2d(x[0], x[1], bias, convolution);
    }

    private static Tensor one(String[] words, double[] n, int[] whole, Tensor... x) {
        return switch (words[0]) {
            case "sin" -> x[0].sin();
            case "cos" -> x[0].cos();
            case "erf" -> x[0].erf();
            case "floor" -> x[0].floor();
            case "ceil" -> x[0].ceil();
            case "round" -> x[0].round();
            case "sign" -> x[0].sign();
            case "gelu" -> x[0].gelu();
            case "geluTanh" -> x[0].geluTanh();
            case "isNaN" -> x[0].isNaN();
            case "isInfinite" -> x[0].isInfinite();
            case "isFinite" -> x[0].isFinite();
            case "logicalNot" -> x[0].logicalNot();
            case "logicalAnd" -> x[0].logicalAnd(x[1]);
            case "logicalOr" -> x[0].logicalOr(x[1]);
            case "logicalXor" -> x[0].logicalXor(x[1]);
            case "any" -> x[0].any(whole[0]);
            case "all" -> x[0].all(whole[0]);
            case "prod" -> x[0].prod(whole[0]);
            case "cumSum" -> x[0].cumSum(whole[0]);
            case "flip" -> x[0].flip(whole[0]);
            case "argMin" -> x[0].argMin(whole[0]);
            case "einsum" -> Tensor.einsum(words[1], x);
            case "outer" -> x[0].outer(x[1]);
            case "pad" -> x[0].pad(n[0], Arrays.stream(whole).skip(1).asLongStream().toArray());
            case "tril" -> x[0].tril(whole[0]);
            case "triu" -> x[0].triu(whole[0]);
            case "oneHot" -> x[0].oneHot(whole[0]);
            case "linspace" -> Tensor.linspace(n[0], n[1], whole[2]);
            case "eye" -> Tensor.eye(whole[0], whole[1]);
            case "crossEntropy" -> Functional.crossEntropy(x[0], x[1]);
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    @Test
    void valuesAndGradientsArePyTorchs() throws IOException {
        List<Case> cases = cases();
        assertThat(cases).hasSizeGreaterThan(300);
        List<String> faults = new ArrayList<>();
        for (Case each : cases) {
            try (var _ = Scope.open()) {
                compare(each);
            } catch (AssertionError | RuntimeException e) {
                faults.add(each.what + " of " + each.in + ": " + e);
            }
        }
        assertThat(faults).as("%d of %d cases", faults.size(), cases.size()).isEmpty();
    }

    private static void compare(Case each) {
        boolean differentiated = !each.gradients.isEmpty();
        Tensor[] operands = each.in.stream().map(PyTorchOperationsTest::tensor).toArray(Tensor[]::new);
        Tensor[] leaves = differentiated ? Arrays.stream(operands).filter(x -> x.dtype().isFloating()).toArray(Tensor[]::new) : new Tensor[0];
        for (Tensor leaf : leaves) {
            leaf.requireGradient();
        }
        Tensor[] results = call(each.what, operands);
        assertThat(results).hasSameSizeAs(each.out);
        for (int i = 0; i < results.length; i++) {
            assertClose("result " + i, results[i], tensor(each.out.get(i)));
        }
        if (differentiated) {
            Shape shape = results[0].shape();
            float[] weights = new float[(int) shape.elementCount()];
            IntStream.range(0, weights.length).forEach(i -> weights[i] = (7 * i % 5 - 2) / 2f + 0.25f);
            Autograd.backward(results[0], Tensor.of(weights).reshape(shape));
        }
        for (int i = 0; i < leaves.length; i++) {
            Tensor gradient = leaves[i].gradient() == null ? Tensor.zerosLike(leaves[i]) : leaves[i].gradient();
            assertClose("gradient " + i, gradient, tensor(each.gradients.get(i)));
        }
    }

    private static void assertClose(String what, Tensor seen, Tensor wanted) {
        assertThat(seen.shape()).as(what).isEqualTo(wanted.shape());
        assertThat(seen.dtype()).as(what).isEqualTo(wanted.dtype());
        float[] expected = wanted.toFloatArray();
        float[] values = seen.detach().toFloatArray();
        float scale = 1;
        for (float value : expected) {
            scale = Float.isFinite(value) && Math.abs(value) < 1e6f ? Math.max(scale, Math.abs(value)) : scale;
        }
        for (int i = 0; i < expected.length; i++) {
            boolean same = Float.compare(values[i], expected[i]) == 0 || values[i] == expected[i];
            assertThat(same || Math.abs(values[i] - expected[i]) <= TOLERANCE * Math.max(scale, Math.abs(expected[i])))
                    .as("%s, element %d: %s instead of %s", what, i, values[i], expected[i]).isTrue();
        }
    }
}
