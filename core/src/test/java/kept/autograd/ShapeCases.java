package kept.autograd;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import kept.autograd.operation.MatMul;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Reductions, views, products, and what chooses elements by index. */
final class ShapeCases {
    private final List<OperationCase> cases = new ArrayList<>();

    private ShapeCases() {}

    static List<OperationCase> all() {
        var table = new ShapeCases();
        table.reductions();
        table.alongOneAxis();
        table.reshapes();
        table.reorderings();
        table.parts();
        table.products();
        table.indexing();
        table.joins();
        return table.cases;
    }

    private OperationCase of(String method, String... names) {
        var added = new OperationCase(method, names);
        cases.add(added);
        return added;
    }

    /** A reduction as tests call it. */
    @FunctionalInterface
    private interface Reduce {
        Tensor on(Tensor x, boolean keep, int... axes);
    }

    /** The form without {@code keepDimensions} and the one with it, over one axis and over all. */
    private List<OperationCase> reduction(String name, Reduce brief, Reduce full, ToDoubleFunction<double[]> f) {
        int before = cases.size();
        of("Reductions." + name + "(int[])", name).value(2, 3, 4).whole(1)
                .is((x, n) -> brief.on(x[0], false, (int) n[0]), (x, n) -> References.reduce(x[0], false, f, n[0]));
        of("Reductions." + name + "(int[])", name).value(2, 3).is((x, n) -> brief.on(x[0], false), (x, n) -> References.reduce(x[0], false, f));
        of("Reductions." + name + "(boolean, int[])", name).value(2, 3, 4).whole(0).whole(-1)
                .is((x, n) -> full.on(x[0], true, (int) n[0], (int) n[1]), (x, n) -> References.reduce(x[0], true, f, n[0], n[1]));
        return cases.subList(before, cases.size());
    }

    private void reductions() {
        reduction("sum", (x, keep, axes) -> x.sum(axes), Tensor::sum, References::sum)
                .forEach(sum -> sum.integers().type(types -> OperationCase.ofSums(types[0])));
        reduction("mean", (x, keep, axes) -> x.mean(axes), Tensor::mean, References::mean);
        reduction("variance", (x, keep, axes) -> x.variance(axes), Tensor::variance, References::variance);
        reduction("max", (x, keep, axes) -> x.max(axes), Tensor::max, References::max).forEach(OperationCase::integers);
        reduction("min", (x, keep, axes) -> x.min(axes), Tensor::min, values -> -References.max(Arrays.stream(values).map(v -> -v).toArray()))
                .forEach(OperationCase::integers);
        reduction("logSumExp", (x, keep, axes) -> x.logSumExp(axes), Tensor::logSumExp, References::logSumExp);
    }

    private void alongOneAxis() {
        of("Reductions.argMax(int)", "argMax").value(3, 4).whole(1).integers().notDifferentiable().type(types -> DType.I64)
                .is((x, n) -> x[0].argMax((int) n[0]), (x, n) -> References.reduce(x[0], false, values -> {
                    double max = References.max(values);
                    return IntStream.range(0, values.length).filter(i -> values[i] == max).findFirst().orElseThrow();
                }, n[0]));
        of("Reductions.softmax(int)", "softmax").value(3, 4).whole(1)
                .is((x, n) -> x[0].softmax((int) n[0]), (x, n) -> References.softmax(x[0], n[0], false));
        of("Reductions.logSoftmax(int)", "logSoftmax").value(3, 4).whole(0)
                .is((x, n) -> x[0].logSoftmax((int) n[0]), (x, n) -> References.softmax(x[0], n[0], true));
    }

    private OperationCase view(String method, String... names) {
        return of("Views." + method, names).integers();
    }

    private void reshapes() {
        view("reshape(long[])", "reshape", "shape").value(2, 3, 4).whole(6).whole(4)
                .is((x, n) -> x[0].reshape((long) n[0], (long) n[1]), (x, n) -> reshaped(x[0], n[0], n[1]));
        view("reshape(Shape)", "reshape", "shape").value(2, 3, 4).whole(8).whole(3)
                .is((x, n) -> x[0].reshape(Shape.of((long) n[0], (long) n[1])), (x, n) -> {
                    References.require(n[0] >= 0 && n[1] >= 0);
                    return reshaped(x[0], n[0], n[1]);
                });
        view("flatten(int, int)", "flatten", "reshape").value(2, 3, 4).whole(0).whole(1).is((x, n) -> x[0].flatten((int) n[0], (int) n[1]), (x,
                n) -> {
            int rank = x[0].shape().length;
            int from = References.axis(n[0], rank);
            int to = References.axis(n[1], rank);
            References.require(from <= to);
            int joined = IntStream.rangeClosed(from, to).map(i -> x[0].shape()[i]).reduce(1, (a, b) -> a * b);
            return x[0].reshape(IntStream.range(0, rank).filter(i -> i <= from || i > to).map(i -> i == from ? joined : x[0].shape()[i]).toArray());
        });
        view("flatten()", "flatten", "reshape").value(2, 3, 4).is((x, n) -> x[0].flatten(), (x, n) -> x[0].reshape(x[0].values().length));
        view("squeeze(int)", "squeeze", "reshape").value(2, 1, 3).whole(1).is((x, n) -> x[0].squeeze((int) n[0]), (x, n) -> {
            int axis = References.axis(n[0], x[0].shape().length);
            References.require(x[0].shape()[axis] == 1);
            return x[0].reshape(IntStream.range(0, x[0].shape().length).filter(i -> i != axis).map(i -> x[0].shape()[i]).toArray());
        });
        view("unsqueeze(int)", "unsqueeze", "reshape").value(2, 3).whole(1).is((x, n) -> x[0].unsqueeze((int) n[0]), (x, n) -> {
            int rank = x[0].shape().length + 1;
            int axis = References.axis(n[0], rank);
            return x[0].reshape(IntStream.range(0, rank).map(i -> i == axis ? 1 : x[0].shape()[i < axis ? i : i - 1]).toArray());
        });
        view("expand(long[])", "expand", "shape").value(3, 1).whole(3).whole(4)
                .is((x, n) -> x[0].expand((long) n[0], (long) n[1]), (x, n) -> expanded(x[0], n[0], n[1]));
        view("expand(Shape)", "expand", "shape").value(3, 1).whole(3).whole(4)
                .is((x, n) -> x[0].expand(Shape.of((long) n[0], (long) n[1])), (x, n) -> expanded(x[0], n[0], n[1]));
    }

    private static Reference reshaped(Reference x, double rows, double columns) {
        double count = x.values().length;
        References.require(!(rows == -1 && columns == -1) && rows >= -1 && columns >= -1);
        double first = rows == -1 ? count / columns : rows;
        double second = columns == -1 ? count / rows : columns;
        References.require(first * second == count && first == (int) first && second == (int) second);
        return x.reshape((int) first, (int) second);
    }

    private static Reference expanded(Reference x, double rows, double columns) {
        References.require(rows >= 0 && columns >= 0);
        References.requireSmall(rows * columns);
        return References.expand(x, (int) rows, (int) columns);
    }

    private void reorderings() {
        view("transpose(int, int)", "transpose", "permute").value(2, 3, 4).whole(0).whole(2)
                .is((x, n) -> x[0].transpose((int) n[0], (int) n[1]), (x, n) -> {
                    int rank = x[0].shape().length;
                    int[] axes = IntStream.range(0, rank).toArray();
                    int one = References.axis(n[0], rank);
                    int other = References.axis(n[1], rank);
                    axes[one] = other;
                    axes[other] = one;
                    return x[0].permute(axes);
                });
        view("permute(int[])", "permute").value(2, 3, 4).whole(2).whole(0).whole(1)
                .is((x, n) -> x[0].permute((int) n[0], (int) n[1], (int) n[2]), (x, n) -> {
                    References.require(x[0].shape().length == 3);
                    int[] axes = Arrays.stream(n).mapToInt(axis -> References.axis(axis, 3)).toArray();
                    References.require(Arrays.stream(axes).distinct().count() == 3);
                    return x[0].permute(axes);
                });
        view("contiguous()", "contiguous", "cast").value(2, 3, 4).is((x, n) -> x[0].contiguous(), (x, n) -> x[0]);
        view("copy()", "copy", "cast").value(2, 3, 4).is((x, n) -> x[0].copy(), (x, n) -> x[0]);
        of("Tensor.detach()", "detach", "cast").value(2, 3).integers().notDifferentiable().is((x, n) -> x[0].detach().copy(), (x, n) -> x[0]);
    }

    private void parts() {
        view("slice(int, long, long)", "slice").value(3, 5).whole(1).whole(1).whole(4).is((x, n) -> x[0].slice((int) n[0], (long) n[1], (long) n[2]),
                (x, n) -> References.slice(x[0], References.axis(n[0], x[0].shape().length), n[1], n[2], 1));
        view("slice(int, long, long, long)", "slice").value(3, 5).whole(1).whole(0).whole(5).whole(2)
                .is((x, n) -> x[0].slice((int) n[0], (long) n[1], (long) n[2], (long) n[3]),
                        (x, n) -> References.slice(x[0], References.axis(n[0], x[0].shape().length), n[1], n[2], n[3]));
        view("select(int, long)", "select", "slice").value(3, 4).whole(1).whole(2).is((x, n) -> x[0].select((int) n[0], (long) n[1]), (x, n) -> {
            int axis = References.axis(n[0], x[0].shape().length);
            double at = n[1] < 0 ? n[1] + x[0].shape()[axis] : n[1];
            Reference part = References.slice(x[0], axis, at, at + 1, 1);
            return part.reshape(IntStream.range(0, part.shape().length).filter(i -> i != axis).map(i -> part.shape()[i]).toArray());
        });
        view("split(int, long[])", "split", "slice").value(3, 5).whole(1).whole(2).whole(3)
                .is((x, n) -> x[0].split((int) n[0], (long) n[1], (long) n[2]).getLast(), (x, n) -> {
                    int axis = References.axis(n[0], x[0].shape().length);
                    References.require(n[1] >= 0 && n[2] >= 0 && n[1] + n[2] == x[0].shape()[axis]);
                    return References.slice(x[0], axis, n[1], n[1] + n[2], 1);
                });
    }

    private void products() {
        for (int[][] shapes : new int[][][] {{{2, 3}, {3, 4}}, {{2, 2, 3}, {3, 2}}, {{2, 1, 2, 3}, {2, 3, 2}}, {{3}, {3, 2}}, {{2, 3}, {3}}, {{3},
                {3}}}) {
            of("Products.matmul(Tensor)", "matmul").value(shapes[0]).value(shapes[1]).is((x, n) -> x[0].matmul(x[1]), (x, n) -> {
                boolean row = x[0].shape().length == 1;
                boolean column = x[1].shape().length == 1;
                Reference a = row ? x[0].reshape(1, x[0].values().length) : x[0];
                Reference b = column ? x[1].reshape(x[1].values().length, 1) : x[1];
                Reference product = References.matmul(a, b);
                int rank = product.shape().length;
                return product.reshape(IntStream.range(0, rank).filter(i -> !(row && i == rank - 2 || column && i == rank - 1))
                        .map(i -> product.shape()[i]).toArray());
            });
        }
        for (int[][] shapes : new int[][][] {{{2, 3}, {4, 3}}, {{2, 2, 3}, {2, 3}}, {{3}, {2, 3}}, {{2, 2, 3}, {2, 4, 3}}}) {
            of("Products.linear(Tensor)", "linear", "reshape").value(shapes[0]).value(shapes[1]).is((x, n) -> x[0].linear(x[1]), (x, n) -> {
                boolean row = x[0].shape().length == 1;
                Reference product = References.matmul(row ? x[0].reshape(1, x[0].values().length) : x[0], References.transpose(x[1]));
                int rank = product.shape().length;
                return row ? product.reshape(IntStream.range(0, rank).filter(i -> i != rank - 2).map(i -> product.shape()[i]).toArray()) : product;
            });
        }
        for (int[] x : new int[][] {{2, 3}, {2, 2, 3}, {3}}) {
            of("Products.linear(Tensor, Tensor)", "linear", "add", "reshape").value(x).value(4, 3).value(4).is((t, n) -> t[0].linear(t[1], t[2]),
                    (t, n) -> affine(t[0].shape().length == 1 ? t[0].reshape(1, t[0].values().length) : t[0], t[1], t[2], t[0].shape().length == 1));
        }
        of("Products.linear(Tensor, Tensor)", "linear", "add").value(2, 3).value(4, 3).value(4).is((t, n) -> MatMul.linear(t[0], t[1], t[2]),
                (t, n) -> affine(t[0], t[1], t[2], false));
    }

    private static Reference affine(Reference x, Reference weight, Reference bias, boolean row) {
        References.require(weight.shape().length == 2 && bias.shape().length == 1 && bias.shape()[0] == weight.shape()[0]);
        Reference y = References.zip(References.matmul(x, References.transpose(weight)), bias, Double::sum);
        return row ? y.reshape(y.values().length) : y;
    }

    private OperationCase choice(String method, String... names) {
        return of("Indexing." + method, names).integers();
    }

    private void indexing() {
        choice("gather(int, Tensor)", "gather").value(3, 4).index(3, 2, 4).whole(0).type(types -> types[0])
                .is((x, n) -> x[0].gather((int) n[0], x[1]), (x, n) -> References.gather(x[0], References.axis(n[0], x[0].shape().length), x[1]));
        choice("indexSelect(int, Tensor)", "indexSelect", "gather", "reshape").value(2, 3).index(3, 4).whole(1).type(types -> types[0])
                .is((x, n) -> x[0].indexSelect((int) n[0], x[1]), (x, n) -> {
                    References.require(x[1].shape().length == 1);
                    int axis = References.axis(n[0], x[0].shape().length);
                    int[] shape = x[0].shape().clone();
                    shape[axis] = x[1].shape()[0];
                    return Reference.generate(shape, at -> {
                        int[] own = at.clone();
                        own[axis] = (int) x[1].at(at[axis]);
                        return x[0].at(own);
                    });
                });
        of("Indexing.embedding(Tensor)", "embedding").value(3, 4).index(3, 2, 2).type(types -> types[0])
                .is((x, n) -> x[0].embedding(x[1]), (x, n) -> {
                    References.require(x[0].shape().length == 2);
                    int[] shape = Arrays.copyOf(x[1].shape(), x[1].shape().length + 1);
                    shape[shape.length - 1] = x[0].shape()[1];
                    return Reference.generate(shape, at -> x[0].at((int) x[1].at(Arrays.copyOf(at, at.length - 1)), at[at.length - 1]));
                });
        choice("scatterAdd(int, Tensor, Tensor)", "scatterAdd").value(3, 4).index(3, 2, 4).value(2, 4).whole(0)
                .is((x, n) -> x[0].scatterAdd((int) n[0], x[1], x[2]), (x, n) -> {
                    int axis = References.axis(n[0], x[0].shape().length);
                    References.gather(x[0], axis, x[1]);
                    References.require(Arrays.equals(x[1].shape(), x[2].shape()));
                    double[] sum = x[0].values().clone();
                    Reference places = Reference.generate(x[0].shape(), new ToDoubleFunction<>() {
                        private int next;

                        @Override
                        public double applyAsDouble(int[] at) {
                            return next++;
                        }
                    });
                    Reference.generate(x[1].shape(), at -> {
                        int[] own = at.clone();
                        own[axis] = (int) x[1].at(at);
                        sum[(int) places.at(own)] += x[2].at(at);
                        return 0;
                    });
                    return Reference.of(sum, x[0].shape());
                });
    }

    private void joins() {
        of("Tensor.concat(int, Tensor[])", "concat").value(2, 3).value(2, 2).whole(1).integers()
                .is((x, n) -> Tensor.concat((int) n[0], x), (x, n) -> References.concat(References.axis(n[0], x[0].shape().length), x));
        of("Tensor.stack(int, Tensor[])", "stack").value(2, 3).value(2, 3).whole(1).integers()
                .is((x, n) -> Tensor.stack((int) n[0], x), (x, n) -> {
                    References.require(Arrays.equals(x[0].shape(), x[1].shape()));
                    int axis = References.axis(n[0], x[0].shape().length + 1);
                    int[] shape = IntStream.range(0, x[0].shape().length + 1)
                            .map(i -> i == axis ? 2 : x[0].shape()[i < axis ? i : i - 1]).toArray();
                    return Reference.generate(shape, at -> x[at[axis]].at(IntStream.range(0, at.length).filter(i -> i != axis).map(i -> at[i])
                            .toArray()));
                });
    }
}
