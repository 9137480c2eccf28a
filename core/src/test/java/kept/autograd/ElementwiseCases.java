package kept.autograd;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Operations that treat each element by itself. */
final class ElementwiseCases {
    private static final String IN = "Elementwise.";

    private final List<OperationCase> cases = new ArrayList<>();

    private ElementwiseCases() {}

    static List<OperationCase> all() {
        var table = new ElementwiseCases();
        table.arithmetic();
        table.comparisons();
        table.functions();
        table.conversions();
        return table.cases;
    }

    private OperationCase of(String method, String... names) {
        var added = new OperationCase(IN + method, names);
        cases.add(added);
        return added;
    }

    private void binary(String name, BinaryOperator<Tensor> call, DoubleBinaryOperator f) {
        for (int[][] shapes : new int[][][] {{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{2, 1, 3}, {4, 1}}}) {
            of(name + "(Tensor)", name).value(shapes[0]).value(shapes[1]).integers((x, n) -> References.zip(x[0], x[1], whole(f)))
                    .is((x, n) -> call.apply(x[0], x[1]), (x, n) -> References.zip(x[0], x[1], f));
        }
    }

    /** Integer quotients are towards zero; all other results of whole numbers are whole. */
    private static DoubleBinaryOperator whole(DoubleBinaryOperator f) {
        return (a, b) -> (long) f.applyAsDouble(a, b);
    }

    private void scalar(String name, BiFunction<Tensor, Double, Tensor> call, DoubleBinaryOperator f) {
        of(name + "(double)", name).value(2, 3).real(2).integers((x, n) -> x[0].map(v -> (long) f.applyAsDouble(v, n[0])))
                .is((x, n) -> call.apply(x[0], n[0]), (x, n) -> x[0].map(v -> f.applyAsDouble(v, (float) n[0])));
    }

    private void arithmetic() {
        binary("add", Tensor::add, Double::sum);
        binary("sub", Tensor::sub, (a, b) -> a - b);
        binary("mul", Tensor::mul, (a, b) -> a * b);
        binary("div", Tensor::div, (a, b) -> a / b);
        binary("minimum", Tensor::minimum, Math::min);
        binary("maximum", Tensor::maximum, Math::max);
        scalar("add", Tensor::add, Double::sum);
        scalar("sub", Tensor::sub, (a, b) -> a - b);
        scalar("mul", Tensor::mul, (a, b) -> a * b);
        scalar("div", Tensor::div, (a, b) -> a / b);
    }

    private void comparison(String name, BinaryOperator<Tensor> call, BiFunction<Tensor, Double, Tensor> withNumber, DoubleBinaryOperator f) {
        binary(name, call, f);
        cases.subList(cases.size() - 3, cases.size()).forEach(ElementwiseCases::givesMask);
        scalar(name, withNumber, f);
        givesMask(cases.getLast());
    }

    private static void givesMask(OperationCase comparison) {
        var usual = comparison.type;
        comparison.notDifferentiable().type(types -> usual.apply(types) == null ? null : DType.BOOL);
    }

    private void comparisons() {
        comparison("eq", Tensor::eq, Tensor::eq, (a, b) -> a == b ? 1 : 0);
        comparison("ne", Tensor::ne, Tensor::ne, (a, b) -> a != b ? 1 : 0);
        comparison("lt", Tensor::lt, Tensor::lt, (a, b) -> a < b ? 1 : 0);
        comparison("le", Tensor::le, Tensor::le, (a, b) -> a <= b ? 1 : 0);
        comparison("gt", Tensor::gt, Tensor::gt, (a, b) -> a > b ? 1 : 0);
        comparison("ge", Tensor::ge, Tensor::ge, (a, b) -> a >= b ? 1 : 0);
    }

    private OperationCase unary(String name, UnaryOperator<Tensor> call, DoubleUnaryOperator f) {
        return of(name + "()", name).value(3, 4).is((x, n) -> call.apply(x[0]), (x, n) -> x[0].map(f));
    }

    private void functions() {
        unary("neg", Tensor::neg, x -> -x).integers();
        unary("abs", Tensor::abs, Math::abs).integers();
        unary("relu", Tensor::relu, x -> Math.max(x, 0)).integers();
        unary("exp", Tensor::exp, Math::exp);
        unary("log", Tensor::log, Math::log);
        unary("sqrt", Tensor::sqrt, Math::sqrt);
        unary("rsqrt", Tensor::rsqrt, x -> 1 / Math.sqrt(x)).slack(2);
        unary("tanh", Tensor::tanh, Math::tanh);
        unary("sigmoid", Tensor::sigmoid, ElementwiseCases::sigmoid);
        unary("silu", Tensor::silu, x -> x * sigmoid(x));
        unary("sin", Tensor::sin, Math::sin);
        unary("cos", Tensor::cos, Math::cos);
        unary("erf", Tensor::erf, References::erf);
        unary("floor", Tensor::floor, Math::floor).integers().notDifferentiable();
        unary("ceil", Tensor::ceil, Math::ceil).integers().notDifferentiable();
        unary("round", Tensor::round, Math::rint).integers().notDifferentiable();
        unary("sign", Tensor::sign, Math::signum).integers().notDifferentiable();
        unary("gelu", Tensor::gelu, x -> x / 2 * (1 + References.erf(x / Math.sqrt(2))));
        unary("geluTanh", Tensor::geluTanh, x -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))));
        unary("square", Tensor::square, x -> x * x);
        of("pow(double)", "pow").value(3, 4).real(3).slack(4).is((x, n) -> x[0].pow(n[0]), (x, n) -> {
            References.require(Double.isFinite(n[0]));
            return x[0].map(v -> Math.pow(v, n[0]));
        });
        of("clamp(double, double)", "clamp").value(3, 4).real(0.75).real(1.25).is((x, n) -> x[0].clamp(n[0], n[1]), (x, n) -> {
            References.require(n[0] <= n[1]);
            return x[0].map(v -> Math.min(Math.max(v, (float) n[0]), (float) n[1]));
        });
        of("clamp(double, double)", "clamp").value(3, 4).real(1).real(20).integers().notDifferentiable().is((x, n) -> x[0].clamp(n[0], n[1]), (x,
                n) -> {
            References.require(n[0] <= n[1]);
            return x[0].map(v -> Math.min(Math.max(v, (float) n[0]), (float) n[1]));
        });
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private void conversions() {
        for (DType to : DType.values()) {
            OperationCase cast = of("cast(DType)", "cast").value(3, 4).integers().type(types -> to)
                    .is((x, n) -> x[0].cast(to), (x, n) -> x[0].map(v -> to.isFloating() ? v : (long) v));
            cast.differentiable = to.isFloating();
        }
        cases.add(new OperationCase("Tensor.where(Tensor, Tensor, Tensor)", "where").condition(2, 3).value(2, 3).value(3).integers()
                .is((x, n) -> Tensor.where(x[0], x[1], x[2]), (x, n) -> {
                    int[] shape = References.broadcast(x[0].shape(), References.broadcast(x[1].shape(), x[2].shape()));
                    return Reference.generate(shape, at -> (x[0].broadcastAt(at) != 0 ? x[1] : x[2]).broadcastAt(at));
                }));
    }
}
