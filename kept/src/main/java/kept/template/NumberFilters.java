package kept.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Filters that return numbers or formatted numbers. */
final class NumberFilters {
    private static final List<String> DECIMAL_UNITS = List.of("kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB");

    private final Interpreter interpreter;
    private final Map<String, Filters.Filter> filters = new HashMap<>();

    NumberFilters(Interpreter interpreter) {
        this.interpreter = interpreter;
        filters.put("abs", this::absolute);
        filters.put("int", this::integer);
        filters.put("float", this::real);
        filters.put("round", this::round);
        filters.put("filesizeformat", this::fileSize);
    }

    Map<String, Filters.Filter> filters() {
        return filters;
    }

    private Object absolute(Object value, Arguments arguments) {
        arguments.positional("abs", 0, 0);
        if (!Numbers.isNumber(value)) {
            throw new TemplateException("bad operand type for abs(): '%s'".formatted(Types.name(value)));
        }
        return value instanceof Double number ? (Object) Math.abs(number) : Numbers.integer(value).abs();
    }

    private static void requireDefined(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
    }

    private Object integer(Object value, Arguments arguments) {
        Object[] given = arguments.bind("int", 0, "default", "base");
        requireDefined(value);
        if (value instanceof Double number && Double.isInfinite(number)) {
            throw new TemplateException("cannot convert float infinity to integer");
        }
        if (Numbers.isInteger(value)) {
            return Numbers.integer(value);
        }
        String text = Types.text(value);
        if (text != null) {
            interpreter.budget().scan(text.length() * 4L);
            interpreter.budget().digits(Math.min(text.length(), Numbers.MAXIMUM_DIGITS));
            BigInteger number = Numbers.parseInteger(text, Numbers.index(Filters.or(given[1], Numbers.of(10)), "int"));
            if (number != null) {
                return number;
            }
        }
        Double number = value instanceof Double real ? real : text == null ? null : Numbers.parseDouble(text);
        return number == null || number.isNaN() || number.isInfinite() ? Filters.or(given[0], BigInteger.ZERO) : Numbers.truncate(number);
    }

    private Object real(Object value, Arguments arguments) {
        Object[] given = arguments.bind("float", 0, "default");
        requireDefined(value);
        if (Numbers.isNumber(value)) {
            return Numbers.toDouble(value);
        }
        String text = Types.text(value);
        interpreter.budget().scan(text == null ? 0 : text.length() * 4L);
        Double number = text == null ? null : Numbers.parseDouble(text);
        return number == null ? Filters.or(given[0], 0.0) : number;
    }

    private Object round(Object value, Arguments arguments) {
        Object[] given = arguments.bind("round", 0, "precision", "method");
        String method = Filters.or(given[1], "common") instanceof String text ? text : "";
        int places = Numbers.index(Filters.or(given[0], BigInteger.ZERO), "round");
        if (!List.of("common", "ceil", "floor").contains(method)) {
            throw new TemplateException("method must be common, ceil or floor");
        }
        requireDefined(value);
        if (!Numbers.isNumber(value)) {
            throw new TemplateException("type %s doesn't define __round__ method".formatted(Types.name(value)));
        }
        if (method.equals("common")) {
            interpreter.budget().digits(value instanceof BigInteger whole ? whole.bitLength() / Numbers.BITS_A_DIGIT : 0);
            return value instanceof Double number ? (Object) Numbers.round(number, places) : Numbers.round(Numbers.integer(value), places);
        }
        Arithmetic arithmetic = interpreter.evaluator().arithmetic();
        Object scale = arithmetic.apply("**", BigInteger.TEN, Numbers.of(places));
        Object scaled = arithmetic.apply("*", value, scale);
        if (scaled instanceof Double number) {
            Numbers.truncate(number);                           // infinity and nan have no whole part
            scaled = new BigDecimal(number).setScale(0, method.equals("ceil") ? RoundingMode.CEILING : RoundingMode.FLOOR).toBigInteger();
        }
        return arithmetic.apply("/", scaled, scale);
    }

    private Object fileSize(Object value, Arguments arguments) {
        boolean binary = interpreter.values().isTrue(Filters.or(arguments.bind("filesizeformat", 0, "binary")[0], false));
        requireDefined(value);
        interpreter.budget().scan(Types.isText(value) ? Types.text(value).length() * 4L : 0);
        Double size = Numbers.isNumber(value) ? (Double) Numbers.toDouble(value) : Types.isText(value) ? Numbers.parseDouble(Types.text(value))
                : null;
        if (size == null || size.isNaN()) {
            throw new TemplateException("filesizeformat of what is no number");
        }
        double base = binary ? 1024 : 1000;
        if (size == 1) {
            return "1 Byte";
        }
        if (size < base) {
            return Numbers.truncate(size) + " Bytes";
        }
        String unit = "";
        double scale = base;
        for (String name : DECIMAL_UNITS) {
            unit = binary ? Character.toUpperCase(name.charAt(0)) + "iB" : name;
            scale *= base;
            if (size < scale) {
                break;
            }
        }
        double number = base * size / scale;
        return (number < 0 ? "-" : "") + FloatFormat.magnitude(number, 'f', 1, false) + " " + unit;
    }
}
