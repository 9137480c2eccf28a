package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.function.DoubleBinaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import kept.nn.Convolution;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** Questions about elements, and what turns, surrounds, cuts off and orders them. */
final class ArrangementCases {
    private final List<OperationCase> cases = new ArrayList<>();

    private ArrangementCases() {}

    static List<OperationCase> all() {
        var table = new ArrangementCases();
        table.questions();
        table.anyAndAll();
        table.arrangements();
        table.triangles();
        table.order();
        table.sums();
        table.likes();
        table.functional();
        return table.cases;
    }

    private OperationCase of(String method, String... names) {
        var added = new OperationCase(method, names).integers();
        cases.add(added);
        return added;
    }

    private OperationCase mask(String method, String... names) {
        return of("Logic." + method, names).notDifferentiable().type(types -> DType.BOOL);
    }

    private void pair(String name, BinaryOperator<Tensor> call, DoubleBinaryOperator f) {
        for (int[][] shapes : new int[][][] {{{2, 3}, {2, 3}}, {{2, 1, 3}, {4, 1}}}) {
            mask(name + "(Tensor)", name, "mul", "maximum", "ne", "sub").value(shapes[0]).value(shapes[1])
                    .is((x, n) -> call.apply(x[0].sub(1), x[1]), (x, n) -> References.zip(x[0].map(v -> v - 1), x[1], f));
        }
    }

    private void questions() {
        mask("isNaN()", "isNaN").value(2, 3).is((x, n) -> x[0].isNaN(), (x, n) -> x[0].map(v -> 0));
        mask("isInfinite()", "isInfinite").value(2, 3).is((x, n) -> x[0].isInfinite(), (x, n) -> x[0].map(v -> 0));
        mask("isFinite()", "isFinite").value(2, 3).is((x, n) -> x[0].isFinite(), (x, n) -> x[0].map(v -> 1));
        mask("logicalNot()", "logicalNot").value(2, 3).is((x, n) -> x[0].logicalNot(), (x, n) -> x[0].map(v -> v == 0 ? 1 : 0));
        pair("logicalAnd", Tensor::logicalAnd, (a, b) -> a != 0 && b != 0 ? 1 : 0);
        pair("logicalOr", Tensor::logicalOr, (a, b) -> a != 0 || b != 0 ? 1 : 0);
        pair("logicalXor", Tensor::logicalXor, (a, b) -> a != 0 ^ b != 0 ? 1 : 0);
    }

    private void anyAndAll() {
        ToDoubleFunction<double[]> any = values -> Arrays.stream(values).anyMatch(v -> v != 0) ? 1 : 0;
        ToDoubleFunction<double[]> all = values -> Arrays.stream(values).allMatch(v -> v != 0) ? 1 : 0;
        mask("any(int[])", "any").value(2, 3, 4).whole(1).is((x, n) -> x[0].any((int) n[0]), (x, n) -> References.reduce(x[0], false, any, n[0]));
        mask("any(boolean, int[])", "any").value(2, 3).is((x, n) -> x[0].any(true), (x, n) -> References.reduce(x[0], true, any));
        mask("all(int[])", "all").value(2, 3, 4).whole(1).is((x, n) -> x[0].all((int) n[0]), (x, n) -> References.reduce(x[0], false, all, n[0]));
        mask("all(boolean, int[])", "all").value(2, 3).is((x, n) -> x[0].all(true), (x, n) -> References.reduce(x[0], true, all));
    }

    private void arrangements() {
        of("Arrangements.flip(int[])", "flip").value(2, 3, 4).whole(0).whole(-1)
                .is((x, n) -> x[0].flip((int) n[0], (int) n[1]), (x, n) -> {
                    int rank = x[0].shape().length;
                    int one = References.axis(n[0], rank);
                    int other = References.axis(n[1], rank);
                    References.require(one != other);
                    return Reference.generate(x[0].shape(), at -> {
                        int[] own = at.clone();
                        own[one] = x[0].shape()[one] - 1 - own[one];
                        own[other] = x[0].shape()[other] - 1 - own[other];
                        return x[0].at(own);
                    });
                });
        of("Arrangements.pad(double, long[])", "pad", "shape").value(2, 3).real(3).whole(1).whole(2).whole(-1).whole(1)
                .is((x, n) -> x[0].pad(n[0], amounts(n)), (x, n) -> {
                    int rank = x[0].shape().length;
                    References.require(rank >= 2);
                    long[] amounts = amounts(n);
                    int[] before = new int[rank];
                    int[] shape = x[0].shape().clone();
                    for (int i = 0; i < 2; i++) {
                        int axis = rank - 1 - i;
                        before[axis] = (int) amounts[2 * i];
                        References.require(Math.max(0, -amounts[2 * i]) + Math.max(0, -amounts[2 * i + 1]) <= shape[axis]);
                        shape[axis] += (int) (amounts[2 * i] + amounts[2 * i + 1]);
                    }
                    return Reference.generate(shape, at -> {
                        int[] own = IntStream.range(0, rank).map(axis -> at[axis] - before[axis]).toArray();
                        boolean isInside = IntStream.range(0, rank).allMatch(axis -> own[axis] >= 0 && own[axis] < x[0].shape()[axis]);
                        return isInside ? x[0].at(own) : n[0];
                    });
                });
        of("Arrangements.oneHot(long)", "oneHot", "shape").index(3, 2, 2).whole(4).notDifferentiable().type(types -> DType.I64)
                .is((x, n) -> x[0].oneHot((long) n[0]), (x, n) -> {
                    References.require(n[0] > 0 && n[0] < 1000 && Arrays.stream(x[0].values()).allMatch(v -> v >= 0 && v < n[0]));
                    int[] shape = Arrays.copyOf(x[0].shape(), x[0].shape().length + 1);
                    shape[shape.length - 1] = (int) n[0];
                    return Reference.generate(shape, at -> x[0].at(Arrays.copyOf(at, at.length - 1)) == at[at.length - 1] ? 1 : 0);
                });
        of("Products.outer(Tensor)", "outer", "mul").value(3).value(4).is((x, n) -> x[0].outer(x[1]), (x, n) -> {
            References.require(x[0].shape().length == 1 && x[1].shape().length == 1);
            return Reference.generate(new int[] {x[0].shape()[0], x[1].shape()[0]}, at -> x[0].at(at[0]) * x[1].at(at[1]));
        });
    }

    /** The last four numbers, of a size that memory holds. */
    private static long[] amounts(double... numbers) {
        return Arrays.stream(numbers).skip(1).mapToLong(amount -> (long) amount % 20).toArray();
    }

    private void triangles() {
        of("Arrangements.tril(long)", "tril").value(2, 3, 4).whole(1).is((x, n) -> x[0].tril((long) n[0]), (x, n) -> triangle(x[0], n[0], true));
        of("Arrangements.triu(long)", "triu").value(3, 2).whole(0).is((x, n) -> x[0].triu((long) n[0]), (x, n) -> triangle(x[0], n[0], false));
    }

    private static Reference triangle(Reference x, double diagonal, boolean lower) {
        int rank = x.shape().length;
        References.require(rank >= 2);
        return Reference.generate(x.shape(), at -> {
            double distance = (double) at[rank - 1] - at[rank - 2] - diagonal;
            return (lower ? distance <= 0 : distance >= 0) ? x.at(at) : 0;
        });
    }

    private void order() {
        for (boolean descending : new boolean[] {false, true}) {
            of("Arrangements.sort(int, boolean)", "sort").value(3, 4).whole(1).is((x, n) -> x[0].sort((int) n[0], descending).values(),
                    (x, n) -> gathered(x[0], n[0], descending));
            of("Arrangements.sort(int, boolean)", "sort").value(2, 3, 2).whole(1).notDifferentiable().type(types -> DType.I64)
                    .is((x, n) -> x[0].sort((int) n[0], descending).indices(), (x, n) -> order(x[0], n[0], descending));
            of("Arrangements.topK(long, int, boolean)", "topK").value(3, 4).whole(2).whole(1)
                    .is((x, n) -> x[0].topK((long) n[0], (int) n[1], descending).values(),
                            (x, n) -> References.slice(gathered(x[0], n[1], descending), References.axis(n[1], x[0].shape().length), 0,
                                    chosen(x[0], n), 1));
        }
        of("Arrangements.sort(int)", "sort").value(3, 4).whole(-1)
                .is((x, n) -> x[0].sort((int) n[0]).values(), (x, n) -> gathered(x[0], n[0], false));
        of("Arrangements.topK(long, int)", "topK").value(3, 4).whole(1).whole(0).notDifferentiable().type(types -> DType.I64)
                .is((x, n) -> x[0].topK((long) n[0], (int) n[1]).indices(),
                        (x, n) -> References.slice(order(x[0], n[1], true), References.axis(n[1], x[0].shape().length), 0, chosen(x[0], n), 1));
    }

    private static double chosen(Reference x, double... numbers) {
        References.require(numbers[0] >= 0 && numbers[0] <= x.shape()[References.axis(numbers[1], x.shape().length)]);
        return numbers[0];
    }

    private static Reference gathered(Reference x, double axis, boolean descending) {
        return References.gather(x, References.axis(axis, x.shape().length), order(x, axis, descending));
    }

    private static Reference order(Reference x, double axis, boolean descending) {
        int along = References.axis(axis, x.shape().length);
        return Reference.generate(x.shape(), at -> {
            Comparator<Integer> byValue = Comparator.comparingDouble(i -> {
                int[] own = at.clone();
                own[along] = i;
                return (descending ? -1 : 1) * x.at(own);
            });
            return IntStream.range(0, x.shape()[along]).boxed().sorted(byValue).toList().get(at[along]);
        });
    }

    private void sums() {
        of("Reductions.cumSum(int)", "cumSum").value(3, 5).whole(1).type(types -> OperationCase.ofSums(types[0]))
                .is((x, n) -> x[0].cumSum((int) n[0]), (x, n) -> {
                    int axis = References.axis(n[0], x[0].shape().length);
                    return Reference.generate(x[0].shape(), at -> {
                        double sum = 0;
                        int[] own = at.clone();
                        for (own[axis] = 0; own[axis] <= at[axis]; own[axis]++) {
                            sum += x[0].at(own);
                        }
                        return sum;
                    });
                });
        product(of("Reductions.prod(int[])", "prod").value(3, 2, 2).whole(1), (x, n) -> x[0].prod((int) n[0]), false);
        product(of("Reductions.prod(int[])", "prod").value(2), (x, n) -> x[0].prod(), false);
        product(of("Reductions.prod(boolean, int[])", "prod").value(2, 3, 1).whole(0).whole(-1),
                (x, n) -> x[0].prod(true, (int) n[0], (int) n[1]), true);
        of("Reductions.argMin(int)", "argMin").value(3, 4).whole(1).notDifferentiable().type(types -> DType.I64)
                .is((x, n) -> x[0].argMin((int) n[0]), (x, n) -> References.reduce(x[0], false, values -> {
                    double min = Arrays.stream(values).min().orElseThrow();
                    return IntStream.range(0, values.length).filter(i -> values[i] == min).findFirst().orElseThrow();
                }, n[0]));
        for (OperationCase product : List.of(
                of("Tensor.einsum(String, Tensor[])", "einsum").value(2, 3).value(3, 4).is((x, n) -> Tensor.einsum("ij,jk->ik", x),
                        (x, n) -> contracted(x[0], x[1], 1)),
                of("Tensor.einsum(String, Tensor[])", "einsum").value(3).value(3).is((x, n) -> Tensor.einsum("i,i", x), (x, n) -> {
                    References.require(x[0].shape().length == 1 && x[1].shape().length == 1);
                    return Reference.of(new double[] {References.sum(References.zip(x[0], x[1], (a, b) -> a * b).values())});
                }))) {
            product.takesIntegers = false;
        }
    }

    private static void product(OperationCase added, OperationCase.Call call, boolean keep) {
        added.slack(8).type(types -> OperationCase.ofSums(types[0]))
                .is(call, (x, n) -> References.reduce(x[0], keep, values -> Arrays.stream(values).reduce(1, (a, b) -> a * b), n));
    }

    /** The product of matrices, whose inner extents may be 1 and something else. */
    private static Reference contracted(Reference a, Reference b, int inner) {
        References.require(a.shape().length == 2 && b.shape().length == 2);
        int extent = a.shape()[inner] == 1 ? b.shape()[0] : a.shape()[inner];
        References.require(b.shape()[0] == 1 || b.shape()[0] == extent);
        return Reference.generate(new int[] {a.shape()[0], b.shape()[1]}, at -> {
            double sum = 0;
            for (int i = 0; i < extent; i++) {
                sum += a.at(at[0], a.shape()[1] == 1 ? 0 : i) * b.at(b.shape()[0] == 1 ? 0 : i, at[1]);
            }
            return sum;
        });
    }

    private void likes() {
        of("TensorCreation.zerosLike(Tensor)", "zerosLike").value(2, 3).notDifferentiable().is((x, n) -> Tensor.zerosLike(x[0]), (x, n) -> x[0]
                .map(v -> 0));
        of("TensorCreation.onesLike(Tensor)", "onesLike").value(2, 3).notDifferentiable().is((x, n) -> Tensor.onesLike(x[0]), (x, n) -> x[0]
                .map(v -> 1));
        of("TensorCreation.fullLike(Tensor, double)", "fullLike").value(2, 3).real(4).notDifferentiable()
                .is((x, n) -> Tensor.fullLike(x[0], n[0]), (x, n) -> x[0].map(v -> n[0]));
        of("TensorCreation.emptyLike(Tensor)", "emptyLike").value(2, 3).notDifferentiable().is((x, n) -> Tensor.emptyLike(x[0]).fill(2), (x, n) ->
                x[0].map(v -> 2));
    }

    private void functional() {
        of("Functional.crossEntropy(Tensor, Tensor)", "crossEntropy", "gather").value(4, 3).index(3, 4)
                .type(types -> types[0] == DType.F64 ? DType.F64 : DType.F32)
                .is((x, n) -> Functional.crossEntropy(x[0], x[1]), (x, n) -> {
                    Reference rows = References.softmax(x[0], -1, true);
                    int rank = x[0].shape().length;
                    References.require(Arrays.equals(Arrays.copyOf(x[0].shape(), rank - 1), x[1].shape()));
                    Reference scores = Reference.generate(x[1].shape(), at -> {
                        int[] own = Arrays.copyOf(at, rank);
                        own[rank - 1] = (int) x[1].at(at);
                        return -rows.at(own);
                    });
                    return Reference.of(new double[] {References.mean(scores.values())});
                }).takesIntegers = false;
        for (boolean biased : new boolean[] {false, true}) {
            OperationCase one = of("Functional.conv1d(Tensor, Tensor, Tensor, Convolution)", "conv1d", "conv").value(2, 4, 5).value(6, 2, 3);
            OperationCase two = of("Functional.conv2d(Tensor, Tensor, Tensor, Convolution)", "conv2d", "conv").value(1, 2, 4, 3).value(2, 2, 2, 3);
            if (biased) {
                one.value(6);
                two.value(2);
            }
            var strided = new Convolution(2, 1, 1, 2);
            one.slack(4).is((x, n) -> Functional.conv1d(x[0], x[1], biased ? given(x[2]) : null, strided), (x, n) -> {
                References.require(x[0].shape().length == 3 && x[1].shape().length == 3);
                Reference y = convolved(inserted(x[0]), inserted(x[1]), biased ? x[2] : null, 0, strided);
                return y.reshape(y.shape()[0], y.shape()[1], y.shape()[3]);
            });
            var dilated = new Convolution(1, 2, 2, 1);
            two.slack(4).is((x, n) -> Functional.conv2d(x[0], x[1], biased ? given(x[2]) : null, dilated), (x, n) -> {
                References.require(x[0].shape().length == 4 && x[1].shape().length == 4);
                return convolved(x[0], x[1], biased ? x[2] : null, 2, dilated);
            });
            one.takesIntegers = false;
            two.takesIntegers = false;
        }
    }

    /** No bias at all is a right operand, but not what these cases are about. */
    private static Tensor given(Tensor bias) {
        if (bias == null) {
            throw new TensorException("[conv] or [conv2d] with the bias that a case must have");
        }
        return bias;
    }

    private static Reference inserted(Reference x) {
        return x.reshape(x.shape()[0], x.shape()[1], 1, x.shape()[2]);
    }

    private static Reference convolved(Reference x, Reference weight, Reference bias, int rows, Convolution how) {
        int groups = how.groups();
        int outputs = weight.shape()[0];
        References.require(weight.shape()[1] * groups == x.shape()[1] && outputs % groups == 0 && weight.values().length > 0
                && (bias == null || Arrays.equals(bias.shape(), new int[] {outputs})));
        int[] padding = {rows, how.padding()};
        int[] extents = IntStream.range(0, 2)
                .map(i -> x.shape()[2 + i] + 2 * padding[i] - how.dilation() * (weight.shape()[2 + i] - 1) - 1).toArray();
        References.require(extents[0] >= 0 && extents[1] >= 0);
        int[] shape = {x.shape()[0], outputs, extents[0] / how.stride() + 1, extents[1] / how.stride() + 1};
        return Reference.generate(shape, at -> {
            double sum = bias == null ? 0 : bias.at(at[1]);
            for (int c = 0; c < weight.shape()[1]; c++) {
                for (int k = 0; k < weight.shape()[2] * weight.shape()[3]; k++) {
                    int row = k / weight.shape()[3];
                    int column = k % weight.shape()[3];
                    int i = at[2] * how.stride() + row * how.dilation() - padding[0];
                    int j = at[3] * how.stride() + column * how.dilation() - padding[1];
                    if (i >= 0 && i < x.shape()[2] && j >= 0 && j < x.shape()[3]) {
                        sum += weight.at(at[1], c, row, column) * x.at(at[0], at[1] / (outputs / groups) * weight.shape()[1] + c, i, j);
                    }
                }
            }
            return sum;
        });
    }
}
