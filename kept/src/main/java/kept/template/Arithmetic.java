package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** Python's operators. */
final class Arithmetic {
    private static final int DEAREST = 64;

    private final Interpreter interpreter;

    Arithmetic(Interpreter interpreter) {
        this.interpreter = interpreter;
    }

    Object apply(String operator, Object left, Object right) {
        if (operator.equals("%") && Types.isText(left) && !(left instanceof Markup)) {
            return PercentFormat.format((String) left, right, interpreter);
        }
        requireDefined(left, right);
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return left instanceof Double || right instanceof Double ? floats(operator, Numbers.toDouble(left), Numbers.toDouble(right))
                    : integers(operator, Numbers.integer(left), Numbers.integer(right));
        }
        Object result = switch (operator) {
            case "+" -> concatenation(left, right);
            case "*" -> Numbers.isInteger(right) ? repetition(left, right) : Numbers.isInteger(left) ? repetition(right, left) : null;
            case "%" -> {
                if (left instanceof Markup) {
                    throw TemplateException.unsupported("% of a string that is marked safe");
                }
                yield null;
            }
            default -> null;
        };
        if (result == null) {
            throw new TemplateException("unsupported operand type(s) for %s: '%s' and '%s'".formatted(operator.equals("**") ? "** or pow()"
                    : operator,
                    Types.name(left), Types.name(right)));
        }
        return result;
    }

    private static void requireDefined(Object... operands) {
        for (Object operand : operands) {
            if (operand instanceof Undefined undefined) {
                throw undefined.failure();
            }
        }
    }

    private Object integers(String operator, BigInteger left, BigInteger right) {
        interpreter.budget().operation(left, right);
        if (right.signum() == 0 && (operator.startsWith("/") || operator.equals("%"))) {
            throw new TemplateException(operator.equals("/") ? "division by zero" : "integer division or modulo by zero");
        }
        return switch (operator) {
            case "+" -> Numbers.bounded(left.add(right));
            case "-" -> Numbers.bounded(left.subtract(right));
            case "*" -> Numbers.bounded(left.multiply(right));
            case "/" -> Numbers.divide(left, right);
            case "//" -> Numbers.floorDivide(left, right);
            case "%" -> left.subtract(Numbers.floorDivide(left, right).multiply(right));
            default -> power(left, right);
        };
    }

    private Object power(BigInteger base, BigInteger exponent) {
        if (exponent.signum() < 0) {
            return floats("**", Numbers.toDouble(base), Numbers.toDouble(exponent));
        }
        if (base.bitLength() <= 1 && base.abs().compareTo(BigInteger.ONE) <= 0) {
            return exponent.signum() == 0 ? BigInteger.ONE : base.signum() < 0 && !exponent.testBit(0) ? BigInteger.ONE : base;
        }
        // A lower bound of the result's bits, checked before the power is computed.
        long bits = Math.max(1, base.abs().bitLength() - 1) * (long) Numbers.clamped(exponent);
        Numbers.bounded(BigInteger.ONE.shiftLeft((int) Math.min(bits, 1 << 20)));
        interpreter.budget().work(bits * bits / (Long.SIZE * Long.SIZE * DEAREST));
        return Numbers.bounded(base.pow(exponent.intValueExact()));
    }

    private static Object floats(String operator, double left, double right) {
        if (right == 0 && (operator.startsWith("/") || operator.equals("%"))) {
            throw new TemplateException(operator.equals("/") ? "float division by zero" : "float floor division or modulo by zero");
        }
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / right;
            case "//" -> Numbers.floorDivide(left, right);
            case "%" -> Numbers.modulo(left, right);
            default -> Numbers.power(left, right);
        };
    }

    private Object concatenation(Object left, Object right) {
        Budget budget = interpreter.budget();
        if (Types.isText(left) && Types.isText(right)) {
            boolean markup = left instanceof Markup || right instanceof Markup;
            String first = markup ? Markup.escape(left, interpreter.text()).text() : (String) left;
            String second = markup ? Markup.escape(right, interpreter.text()).text() : (String) right;
            budget.text((long) first.length() + second.length());
            return markup ? new Markup(first + second) : first + second;
        }
        if (left instanceof PyList first && right instanceof PyList second) {
            return new PyList(joined(first.items(), second.items()));
        }
        return left instanceof PyTuple first && right instanceof PyTuple second ? new PyTuple(joined(first.items(), second.items())) : null;
    }

    private List<Object> joined(List<Object> left, List<Object> right) {
        interpreter.budget().items((long) left.size() + right.size());
        var all = new ArrayList<>(left.size() + right.size());
        all.addAll(left);
        all.addAll(right);
        return all;
    }

    private Object repetition(Object value, Object times) {
        int count = Math.max(0, Numbers.clamped(Numbers.integer(times)));
        return switch (value) {
            case String text -> repeated(text, count);
            case Markup markup -> new Markup(repeated(markup.text(), count));
            case PyList list -> new PyList(repeated(list.items(), count));
            case PyTuple tuple -> new PyTuple(repeated(tuple.items(), count));
            case null, default -> null;
        };
    }

    private String repeated(String text, int count) {
        interpreter.budget().text((long) text.length() * count);
        return text.repeat(count);
    }

    private List<Object> repeated(List<Object> items, int count) {
        interpreter.budget().items((long) items.size() * count);
        var all = new ArrayList<>(items.size() * count);
        for (int i = 0; i < count && !items.isEmpty(); i++) {
            all.addAll(items);
        }
        return all;
    }

    Object sign(String operator, Object value) {
        requireDefined(value);
        if (!Numbers.isNumber(value)) {
            throw new TemplateException("bad operand type for unary %s: '%s'".formatted(operator, Types.name(value)));
        }
        if (value instanceof Double number) {
            return operator.equals("-") ? -number : number;
        }
        return operator.equals("-") ? Numbers.integer(value).negate() : Numbers.integer(value);
    }

    /** One comparison of a chain. */
    boolean holds(String operator, Object left, Object right) {
        Values values = interpreter.values();
        return switch (operator) {
            case "==" -> values.areEqual(left, right);
            case "!=" -> !values.areEqual(left, right);
            case "in" -> values.contains(right, left);
            case "not in" -> !values.contains(right, left);
            case "<" -> values.compare(operator, left, right) == -1;
            case ">" -> values.compare(operator, left, right) == 1;
            case "<=" -> isOneOf(values.compare(operator, left, right), -1);
            default -> isOneOf(values.compare(operator, left, right), 1);
        };
    }

    private static boolean isOneOf(int order, int wanted) {
        return order == 0 || order == wanted;
    }
}
