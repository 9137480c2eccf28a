package kept.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Evaluates expressions. */
final class Evaluator {
    private final Interpreter interpreter;
    private final Arithmetic arithmetic;
    private final Attributes attributes;
    private final Filters filters;
    private final Tests tests;

    Evaluator(Interpreter interpreter) {
        this.interpreter = interpreter;
        arithmetic = new Arithmetic(interpreter);
        attributes = new Attributes(interpreter);
        filters = new Filters(interpreter);
        tests = new Tests(interpreter);
    }

    Attributes attributes() {
        return attributes;
    }

    Filters filters() {
        return filters;
    }

    Tests tests() {
        return tests;
    }

    Arithmetic arithmetic() {
        return arithmetic;
    }

    Object evaluate(Expression expression, Frame frame) {
        interpreter.budget().enter();
        interpreter.at(expression.line());
        Object value = switch (expression) {
            case Expression.Constant constant -> constant.value();
            case Expression.Data data -> data.text();
            case Expression.Name name -> {
                Object held = frame.get(name.name());
                yield held == Frame.MISSING ? Undefined.name(name.name()) : held;
            }
            case Expression.Elements elements -> {
                List<Object> items = all(elements.items(), frame);
                yield elements.tuple() ? new PyTuple(items) : new PyList(items);
            }
            case Expression.Dictionary dictionary -> {
                var dict = new PyDict();
                interpreter.budget().items(dictionary.keys().size());
                for (int i = 0; i < dictionary.keys().size(); i++) {
                    dict.put(evaluate(dictionary.keys().get(i), frame), evaluate(dictionary.values().get(i), frame), interpreter.budget());
                }
                yield dict;
            }
            case Expression.Unary unary when unary.operator().equals("not") -> !isTrue(unary.operand(), frame);
            case Expression.Unary unary -> arithmetic.sign(unary.operator(), evaluate(unary.operand(), frame));
            case Expression.Binary binary ->
                arithmetic.apply(binary.operator(), evaluate(binary.left(), frame), evaluate(binary.right(), frame));
            case Expression.Logical logical -> {
                Object left = evaluate(logical.left(), frame);
                yield interpreter.values().isTrue(left) == logical.and() ? evaluate(logical.right(), frame) : left;
            }
            case Expression.Comparison comparison -> compare(comparison, frame);
            case Expression.Concatenation concatenation -> {
                var text = new StringBuilder();
                for (Object part : all(concatenation.parts(), frame)) {
                    String string = interpreter.text().string(part);
                    interpreter.budget().text(string.length());
                    text.append(string);
                }
                yield text.toString();
            }
            case Expression.Conditional conditional -> isTrue(conditional.test(), frame) ? evaluate(conditional.then(), frame)
                    : conditional.otherwise() != null ? evaluate(conditional.otherwise(), frame)
                    : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
            case Expression.Attribute attribute -> attributes.attribute(evaluate(attribute.of(), frame), attribute.name());
            case Expression.Item item -> attributes.item(evaluate(item.of(), frame), evaluate(item.key(), frame));
            case Expression.Slice slice -> slice(slice, frame);
            case Expression.Call call -> call(call, frame, null);
            case Expression.Filter filter -> {
                Object of = evaluate(filter.of(), frame);
                Arguments arguments = arguments(filter.arguments(), frame);
                interpreter.at(filter.line());
                yield filters.apply(filter.name(), of, arguments);
            }
            case Expression.Test test -> {
                Object of = evaluate(test.of(), frame);
                Arguments arguments = arguments(test.arguments(), frame);
                interpreter.at(test.line());
                yield tests.apply(test.name(), of, arguments);
            }
        };
        interpreter.budget().leave();
        return value;
    }

    private Object slice(Expression.Slice slice, Frame frame) {
        Object of = evaluate(slice.of(), frame);
        boolean sliced = of instanceof Sequence || Types.isText(of) || of instanceof Range;
        if (!sliced && !(of instanceof Undefined) && isConstant(slice)) {
            // Jinja2 evaluates this at compile time, by different rules, and may treat it as undefined.
            throw TemplateException.unsupported("a slice of a constant %s".formatted(Types.name(of)));
        }
        return attributes.slice(of, optional(slice.from(), frame), optional(slice.to(), frame), optional(slice.step(), frame));
    }

    private static boolean isConstant(Node node) {
        return !(node instanceof Expression.Name) && !(node instanceof Expression.Call) && node.children().stream().allMatch(Evaluator::isConstant);
    }

    private Object optional(Expression expression, Frame frame) {
        return expression == null ? null : evaluate(expression, frame);
    }

    private boolean isTrue(Expression expression, Frame frame) {
        return interpreter.values().isTrue(evaluate(expression, frame));
    }

    private List<Object> all(List<Expression> expressions, Frame frame) {
        interpreter.budget().items(expressions.size());
        var all = new ArrayList<>(expressions.size());
        for (Expression expression : expressions) {
            all.add(evaluate(expression, frame));
        }
        return all;
    }

    private boolean compare(Expression.Comparison comparison, Frame frame) {
        Object left = evaluate(comparison.first(), frame);
        for (int i = 0; i < comparison.operators().size(); i++) {
            Object right = evaluate(comparison.others().get(i), frame);
            if (!arithmetic.holds(comparison.operators().get(i), left, right)) {
                return false;
            }
            left = right;
        }
        return true;
    }

    private Arguments arguments(Expression.CallArguments given, Frame frame) {
        if (given == Expression.CallArguments.NONE) {
            return Arguments.NONE;
        }
        List<Object> positional = all(given.positional(), frame);
        Map<String, Object> named = new LinkedHashMap<>();
        for (int i = 0; i < given.names().size(); i++) {
            named.put(given.names().get(i), evaluate(given.named().get(i), frame));
        }
        if (given.spread() != null) {
            List<Object> spread = interpreter.values().list(evaluate(given.spread(), frame));
            interpreter.budget().work(spread.size());
            positional.addAll(spread);
        }
        if (given.spreadNamed() != null) {
            spread(evaluate(given.spreadNamed(), frame), named);
        }
        return new Arguments(positional, named);
    }

    private void spread(Object value, Map<String, Object> named) {
        if (!(value instanceof PyDict dict)) {
            throw new TemplateException("argument after ** must be a mapping, not " + Types.name(value));
        }
        interpreter.budget().items(dict.size());
        for (PyDict.Entry entry : dict.entries()) {
            String name = Types.text(entry.key());
            if (name == null) {
                throw new TemplateException("keywords must be strings");
            }
            if (named.containsKey(name)) {
                throw new TemplateException("got multiple values for keyword argument '%s'".formatted(Text.shortened(name)));
            }
            named.put(name, entry.value());
        }
    }

    /** Calls a function, with {@code caller} as its call block unless null. */
    Object call(Expression.Call call, Frame frame, Macro caller) {
        Object function = evaluate(call.function(), frame);
        Arguments arguments = arguments(call.arguments(), frame);
        if (caller != null) {
            interpreter.budget().work(arguments.named().size());
            Map<String, Object> named = new LinkedHashMap<>(arguments.named());
            if (named.put("caller", caller) != null) {
                throw new TemplateException("got multiple values for keyword argument 'caller'");
            }
            arguments = new Arguments(arguments.positional(), named);
        }
        interpreter.at(call.line());
        return switch (function) {
            case Callable callable -> callable.call(arguments, interpreter);
            case Undefined undefined -> throw undefined.failure();
            case null, default -> throw new TemplateException("'%s' object is not callable".formatted(Types.name(function)));
        };
    }

    /** Applies a chain of filters to the text of a filter block. */
    Object filterBlock(Expression.Filter filter, String block, Frame frame) {
        Object of = filter.of() instanceof Expression.Filter inner ? filterBlock(inner, block, frame) : block;
        Arguments arguments = arguments(filter.arguments(), frame);
        interpreter.at(filter.line());
        return filters.apply(filter.name(), of, arguments);
    }
}
