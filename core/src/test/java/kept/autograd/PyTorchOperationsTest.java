package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import kept.nn.Convolution;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Sorted;
import kept.tensor.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Values and gradients beside those of PyTorch 2.13, written down by {@code make_operations.py}, {@code make_types.py} and {@code make_layouts.py}
 * beside the data.
 */
class PyTorchOperationsTest {

    /** A call with its operands, results and gradients, each a line of the file. */
    private record Case(String what, List<String> in, List<String> out, List<String> gradients) {}

    private static List<Case> cases(String name) throws IOException {
        List<Case> cases = new ArrayList<>();
        try (InputStream file = PyTorchOperationsTest.class.getResourceAsStream(name)) {
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
        String extents = words[1].split(";")[0];
        long[] shape = extents.equals("-") ? new long[0] : numbers(extents);
        String[] values = Arrays.copyOfRange(words, 2, words.length);
        DType type = DType.valueOf(words[0].toUpperCase(Locale.ROOT));
        if (type.isFloating()) {
            double[] numbers = Arrays.stream(values).mapToDouble(value -> switch (value) {
                case "nan" -> Double.NaN;
                case "inf" -> Double.POSITIVE_INFINITY;
                case "-inf" -> Double.NEGATIVE_INFINITY;
                default -> Double.parseDouble(value);
            }).toArray();
            return Tensor.of(numbers).reshape(shape).cast(type);
        }
        return Tensor.of(Arrays.stream(values).mapToLong(Long::parseLong).toArray()).reshape(shape).cast(type);
    }

    private static long[] numbers(String text) {
        return Arrays.stream(text.split(",")).mapToLong(Long::parseLong).toArray();
    }

    /** The operand of a line: views of its tensor, in the order that the line names. */
    private static Tensor viewed(Tensor x, String line) {
        Tensor view = x;
        for (String step : Arrays.stream(line.split(" ")[1].split(";")).skip(1).toList()) {
            long[] n = numbers(step.substring(1));
            view = switch (step.charAt(0)) {
                case 'T' -> view.transpose((int) n[0], (int) n[1]);
                case 'S' -> view.slice((int) n[0], n[1], n[2], n[3]);
                case 'E' -> view.expand(n);
                default -> view.unsqueeze((int) n[0]);
            };
        }
        return view;
    }

    private static Tensor[] both(Sorted sorted) {
        return new Tensor[] {sorted.values(), sorted.indices()};
    }

    private static Tensor[] call(String what, Tensor... x) {
        String[] words = what.split(" ");
        boolean hasNumbers = !words[0].equals("einsum") && !words[0].equals("cast");
        double[] n = hasNumbers ? Arrays.stream(words).skip(1).mapToDouble(Double::parseDouble).toArray() : new double[0];
        int[] whole = Arrays.stream(n).mapToInt(number -> (int) number).toArray();
        return switch (words[0]) {
            case "sort" -> both(x[0].sort(whole[0], n[1] != 0));
            case "cast" -> new Tensor[] {x[0].cast(DType.valueOf(words[1].toUpperCase(Locale.ROOT)))};
            case "topK" -> both(x[0].topK(whole[0], whole[1], n[2] != 0));
            default -> new Tensor[] {words[0].matches("conv.d") ? convolved(words[0], whole, x) : one(words, n, whole, x)};
        };
    }

    private static Tensor convolved(String name, int[] whole, Tensor... x) {
        var convolution = whole.length == 0 ? new Convolution(1, 0, 1, 1) : new Convolution(whole[0], whole[1], whole[2], whole[3]);
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
            default -> other(words[0], n, whole, x);
        };
    }

    private static Tensor other(String name, double[] n, int[] whole, Tensor... x) {
        return switch (name) {
            case "add" -> x[0].add(x[1]);
            case "sub" -> x[0].sub(x[1]);
            case "mul" -> x[0].mul(x[1]);
            case "div" -> x[0].div(x[1]);
            case "minimum" -> x[0].minimum(x[1]);
            case "maximum" -> x[0].maximum(x[1]);
            case "eq" -> x[0].eq(x[1]);
            case "ne" -> x[0].ne(x[1]);
            case "lt" -> x[0].lt(x[1]);
            case "le" -> x[0].le(x[1]);
            case "gt" -> x[0].gt(x[1]);
            case "ge" -> x[0].ge(x[1]);
            case "neg" -> x[0].neg();
            case "abs" -> x[0].abs();
            case "exp" -> x[0].exp();
            case "log" -> x[0].log();
            case "sqrt" -> x[0].sqrt();
            case "rsqrt" -> x[0].rsqrt();
            case "tanh" -> x[0].tanh();
            case "sigmoid" -> x[0].sigmoid();
            case "silu" -> x[0].silu();
            case "relu" -> x[0].relu();
            case "square" -> x[0].square();
            case "pow" -> x[0].pow(n[0]);
            default -> ofRows(name, whole, x);
        };
    }

    private static Tensor ofRows(String name, int[] whole, Tensor... x) {
        return switch (name) {
            case "sum" -> x[0].sum(whole[0]);
            case "max" -> x[0].max(whole[0]);
            case "min" -> x[0].min(whole[0]);
            case "argMax" -> x[0].argMax(whole[0]);
            case "mean" -> x[0].mean(whole[0]);
            case "variance" -> x[0].variance(whole[0]);
            case "softmax" -> x[0].softmax(whole[0]);
            case "logSoftmax" -> x[0].logSoftmax(whole[0]);
            case "logSumExp" -> x[0].logSumExp(whole[0]);
            case "matmul" -> x[0].matmul(x[1]);
            case "linear" -> x[0].linear(x[1], x[2]);
            case "layerNorm" -> Functional.layerNorm(x[0], x[1], x[2], 1e-5);
            case "rmsNorm" -> Functional.rmsNorm(x[0], x[1], 1e-5);
            case "attention" -> Functional.scaledDotProductAttention(x[0], x[1], x[2], true, 1 / Math.sqrt(x[0].size(-1)));
            case "fullAttention" -> Functional.scaledDotProductAttention(x[0], x[1], x[2], false, 1 / Math.sqrt(x[0].size(-1)));
            case "swiGlu" -> Functional.swiGlu(x[0], x[1]);
            case "embedding" -> x[0].embedding(x[1]);
            case "gather" -> x[0].gather(whole[0], x[1]);
            case "scatterAdd" -> x[0].scatterAdd(whole[0], x[1], x[2]);
            case "where" -> Tensor.where(x[0], x[1], x[2]);
            case "concat" -> Tensor.concat(whole[0], x);
            default -> throw new IllegalArgumentException(name);
        };
    }

    @ParameterizedTest
    @CsvSource({"operations.txt, 300", "types.txt, 1000", "layouts.txt, 700"})
    void valuesAndGradientsArePyTorchs(String file, int most) throws IOException {
        List<Case> cases = cases(file);
        assertThat(cases).hasSizeGreaterThan(most);
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
        Tensor[] viewed = each.in.stream().map(PyTorchOperationsTest::tensor).toArray(Tensor[]::new);
        Tensor[] leaves = differentiated ? Arrays.stream(viewed).filter(x -> x.dtype().isFloating()).toArray(Tensor[]::new) : new Tensor[0];
        for (Tensor leaf : leaves) {
            leaf.requireGradient();
        }
        Tensor[] results = call(each.what, IntStream.range(0, viewed.length).mapToObj(i -> viewed(viewed[i], each.in.get(i))).toArray(Tensor[]::new));
        assertThat(results).hasSameSizeAs(each.out);
        for (int i = 0; i < results.length; i++) {
            assertClose("result " + i, results[i], tensor(each.out.get(i)));
        }
        if (differentiated) {
            Shape shape = results[0].shape();
            float[] weights = new float[(int) shape.elementCount()];
            IntStream.range(0, weights.length).forEach(i -> weights[i] = (7 * i % 5 - 2) / 2f + 0.25f);
            Autograd.backward(results[0], Tensor.of(weights).reshape(shape).cast(results[0].dtype().arithmetic()));
        }
        for (int i = 0; i < leaves.length; i++) {
            Tensor gradient = leaves[i].gradient() == null ? Tensor.zerosLike(leaves[i]) : leaves[i].gradient();
            assertClose("gradient " + i, gradient, tensor(each.gradients.get(i)));
        }
    }

    private static void assertClose(String what, Tensor seen, Tensor wanted) {
        assertThat(seen.shape()).as(what).isEqualTo(wanted.shape());
        assertThat(seen.dtype()).as(what).isEqualTo(wanted.dtype());
        if (!wanted.dtype().isFloating()) {
            assertThat(seen.toLongArray()).as(what).isEqualTo(wanted.toLongArray());
            return;
        }
        double tolerance = wanted.dtype() == DType.F64 ? 1e-13 : 3e-6;
        double[] expected = wanted.toDoubleArray();
        double[] values = seen.detach().toDoubleArray();
        double scale = 1;
        for (double value : expected) {
            scale = Double.isFinite(value) && Math.abs(value) < 1e6 ? Math.max(scale, Math.abs(value)) : scale;
        }
        for (int i = 0; i < expected.length; i++) {
            boolean same = Double.compare(values[i], expected[i]) == 0 || values[i] == expected[i];
            assertThat(same || Math.abs(values[i] - expected[i]) <= tolerance * Math.max(scale, Math.abs(expected[i])))
                    .as("%s, element %d: %s instead of %s", what, i, values[i], expected[i]).isTrue();
        }
    }
}
