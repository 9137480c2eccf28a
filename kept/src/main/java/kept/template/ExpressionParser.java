package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import kept.template.Expression.CallArguments;

/**
 * Parses expressions with Jinja2's precedence, lowest first: {@code if}, {@code or}, {@code and}, {@code not}, comparisons, sums, {@code ~},
 * products.
 */
final class ExpressionParser {
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> SUMS = Set.of("+", "-");
    private static final Set<String> PRODUCTS = Set.of("*", "/", "//", "%");
    /** Names that cannot start the argument of a test. */
    private static final Set<String> AFTER_TEST = Set.of("else", "or", "and");
    private static final Set<String> ARGUMENT_OPERATORS = Set.of("[", "{");

    private final TokenStream stream;

    ExpressionParser(TokenStream stream) {
        this.stream = stream;
    }

    Expression expression() {
        stream.enterExpression();
        try {
            return conditional();
        } finally {
            stream.leaveExpression();
        }
    }

    private Expression withoutCondition() {
        stream.enterExpression();
        try {
            return or();
        } finally {
            stream.leaveExpression();
        }
    }

    /** Comma-separated expressions are a tuple. */
    Expression tuple(boolean condition, String endName, boolean parentheses) {
        int line = stream.line();
        var items = new ArrayList<Expression>();
        boolean several = false;
        while (!endsTuple(endName)) {
            items.add(condition ? expression() : withoutCondition());
            if (!stream.skipOperator(",")) {
                break;
            }
            several = true;
        }
        if (!several && !items.isEmpty()) {
            return items.getFirst();
        }
        if (!several && !parentheses) {
            throw stream.failure("Expected an expression, got '%s'".formatted(stream.current().description()));
        }
        return new Expression.Elements(true, items, line);
    }

    private boolean endsTuple(String endName) {
        return stream.current().is(Token.Kind.VARIABLE_END) || stream.current().is(Token.Kind.BLOCK_END) || stream.isOperator(")")
                || endName != null && stream.isName(endName);
    }

    private Expression conditional() {
        int line = stream.line();
        Expression value = or();
        while (stream.skipName("if")) {
            Expression test = or();
            Expression otherwise = stream.skipName("else") ? expression() : null;
            value = new Expression.Conditional(test, value, otherwise, line);
            line = stream.line();
        }
        return value;
    }

    private Expression or() {
        int line = stream.line();
        Expression left = and();
        while (stream.skipName("or")) {
            left = new Expression.Logical(false, left, and(), line);
        }
        return left;
    }

    private Expression and() {
        int line = stream.line();
        Expression left = not();
        while (stream.skipName("and")) {
            left = new Expression.Logical(true, left, not(), line);
        }
        return left;
    }

    private Expression not() {
        int line = stream.line();
        if (!stream.skipName("not")) {
            return comparison();
        }
        stream.enterExpression();
        try {
            return new Expression.Unary("not", not(), line);
        } finally {
            stream.leaveExpression();
        }
    }

    private Expression comparison() {
        int line = stream.line();
        Expression first = sum();
        var operators = new ArrayList<String>();
        var others = new ArrayList<Expression>();
        while (true) {
            if (stream.current().is(Token.Kind.OPERATOR) && COMPARISONS.contains(stream.current().text())) {
                operators.add(stream.take().text());
            } else if (stream.skipName("in")) {
                operators.add("in");
            } else if (stream.isName("not") && stream.look().isName("in")) {
                stream.take();
                stream.take();
                operators.add("not in");
            } else {
                return others.isEmpty() ? first : new Expression.Comparison(first, operators, others, line);
            }
            others.add(sum());
        }
    }

    private Expression sum() {
        int line = stream.line();
        Expression left = concatenation();
        while (stream.current().is(Token.Kind.OPERATOR) && SUMS.contains(stream.current().text())) {
            String operator = stream.take().text();
            left = new Expression.Binary(operator, left, concatenation(), line);
        }
        return left;
    }

    private Expression concatenation() {
        int line = stream.line();
        Expression first = product();
        if (!stream.isOperator("~")) {
            return first;
        }
        var parts = new ArrayList<>(List.of(first));
        while (stream.skipOperator("~")) {
            parts.add(product());
        }
        return new Expression.Concatenation(parts, line);
    }

    private Expression product() {
        int line = stream.line();
        Expression left = power();
        while (stream.current().is(Token.Kind.OPERATOR) && PRODUCTS.contains(stream.current().text())) {
            String operator = stream.take().text();
            left = new Expression.Binary(operator, left, power(), line);
        }
        return left;
    }

    private Expression power() {
        int line = stream.line();
        Expression left = unary(true);
        while (stream.skipOperator("**")) {
            left = new Expression.Binary("**", left, unary(true), line);
        }
        return left;
    }

    private Expression unary(boolean filters) {
        int line = stream.line();
        Expression value;
        if (stream.isOperator("-") || stream.isOperator("+")) {
            String operator = stream.take().text();
            stream.enterExpression();
            value = new Expression.Unary(operator, unary(false), line);
            stream.leaveExpression();
        } else {
            value = primary();
        }
        value = postfix(value);
        return filters ? filtersAndTests(value) : value;
    }

    Expression primary() {
        Token token = stream.current();
        switch (token.kind()) {
            case NAME -> {
                stream.take();
                return switch (token.text()) {
                    case "true", "True" -> new Expression.Constant(true, token.line());
                    case "false", "False" -> new Expression.Constant(false, token.line());
                    case "none", "None" -> new Expression.Constant(null, token.line());
                    default -> new Expression.Name(token.text(), token.line());
                };
            }
            case STRING -> {
                var text = new StringBuilder();
                while (stream.current().is(Token.Kind.STRING)) {
                    text.append(stream.take().text());
                }
                return new Expression.Constant(text.toString(), token.line());
            }
            case INTEGER -> {
                return new Expression.Constant(new BigInteger(stream.take().text()), token.line());
            }
            case FLOAT -> {
                double value = Double.parseDouble(token.text());
                if (Double.isInfinite(value)) {
                    throw stream.failure("a number beyond the range of floats is not supported");
                }
                stream.take();
                return new Expression.Constant(value, token.line());
            }
            case OPERATOR -> {
                return enclosed();
            }
            default -> throw unexpected();
        }
    }

    private TemplateException unexpected() {
        return stream.failure("unexpected '%s'".formatted(stream.current().description()));
    }

    private Expression enclosed() {
        if (stream.skipOperator("(")) {
            Expression value = tuple(true, null, true);
            stream.expectOperator(")");
            return value;
        }
        int line = stream.line();
        if (stream.skipOperator("[")) {
            var items = new ArrayList<Expression>();
            while (!stream.isOperator("]")) {
                items.add(expression());
                if (!stream.skipOperator(",")) {
                    break;
                }
            }
            stream.expectOperator("]");
            return new Expression.Elements(false, items, line);
        }
        if (!stream.skipOperator("{")) {
            throw unexpected();
        }
        var keys = new ArrayList<Expression>();
        var values = new ArrayList<Expression>();
        while (!stream.isOperator("}")) {
            keys.add(expression());
            stream.expectOperator(":");
            values.add(expression());
            if (!stream.skipOperator(",")) {
                break;
            }
        }
        stream.expectOperator("}");
        return new Expression.Dictionary(keys, values, line);
    }

    private Expression postfix(Expression of) {
        Expression value = of;
        while (true) {
            if (stream.isOperator(".") || stream.isOperator("[")) {
                value = subscript(value);
            } else if (stream.isOperator("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    private Expression filtersAndTests(Expression of) {
        Expression value = of;
        while (true) {
            if (stream.isOperator("|")) {
                value = filters(value);
            } else if (stream.isName("is")) {
                value = test(value);
            } else if (stream.isOperator("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    private Expression call(Expression function) {
        int line = stream.line();
        return new Expression.Call(function, arguments(), line);
    }

    private Expression subscript(Expression of) {
        int line = stream.line();
        if (stream.skipOperator(".")) {
            Token name = stream.take();
            return switch (name.kind()) {
                case NAME -> new Expression.Attribute(of, name.text(), line);
                case INTEGER -> new Expression.Item(of, new Expression.Constant(new BigInteger(name.text()), line), line);
                default -> throw new TemplateException("expected name or number", name.line(), false);
            };
        }
        stream.expectOperator("[");
        var keys = new ArrayList<Expression>();
        Expression slice = null;
        while (!stream.isOperator("]")) {
            if (stream.isOperator(":")) {
                slice = slice(of, null, line);
            } else {
                Expression key = expression();
                if (stream.isOperator(":")) {
                    slice = slice(of, key, line);
                } else {
                    keys.add(key);
                }
            }
            if (slice != null && (!keys.isEmpty() || stream.isOperator(","))) {
                throw stream.failure("a slice among several subscripts");
            }
            if (!stream.isOperator("]")) {
                stream.expectOperator(",");
                if (stream.isOperator("]")) {
                    throw unexpected();
                }
            }
        }
        stream.expectOperator("]");
        if (slice != null) {
            return slice;
        }
        return new Expression.Item(of, keys.size() == 1 ? keys.getFirst() : new Expression.Elements(true, keys, line), line);
    }

    private Expression slice(Expression of, Expression from, int line) {
        stream.expectOperator(":");
        Expression to = endsSlicePart() ? null : expression();
        Expression step = stream.skipOperator(":") && !endsSlicePart() ? expression() : null;
        return new Expression.Slice(of, from, to, step, line);
    }

    private boolean endsSlicePart() {
        return stream.isOperator(":") || stream.isOperator("]") || stream.isOperator(",");
    }

    private CallArguments arguments() {
        int line = stream.line();
        stream.expectOperator("(");
        var positional = new ArrayList<Expression>();
        var names = new LinkedHashSet<String>();
        var named = new ArrayList<Expression>();
        Expression spread = null;
        Expression spreadNamed = null;
        while (!stream.isOperator(")")) {
            boolean misplaced;
            if (stream.skipOperator("*")) {
                misplaced = spread != null || spreadNamed != null;
                spread = expression();
            } else if (stream.skipOperator("**")) {
                misplaced = spreadNamed != null;
                spreadNamed = expression();
            } else if (stream.current().is(Token.Kind.NAME) && stream.look().isOperator("=")) {
                String name = stream.take().text();
                stream.take();
                misplaced = spreadNamed != null || !names.add(name);
                named.add(expression());
            } else {
                misplaced = spread != null || spreadNamed != null || !names.isEmpty();
                positional.add(expression());
            }
            if (misplaced) {
                throw new TemplateException("invalid syntax for function call expression", line, false);
            }
            if (!stream.isOperator(")")) {
                stream.expectOperator(",");
            }
        }
        stream.expectOperator(")");
        return new CallArguments(positional, List.copyOf(names), named, spread, spreadNamed);
    }

    /** Parses the filters after a bar. */
    private Expression filters(Expression of) {
        Expression value = of;
        while (stream.skipOperator("|")) {
            value = filter(value);
        }
        return value;
    }

    /** Parses one filter, starting at its name. */
    Expression.Filter filter(Expression of) {
        int line = stream.line();
        String name = dottedName();
        return new Expression.Filter(of, name, stream.isOperator("(") ? arguments() : CallArguments.NONE, line);
    }

    private String dottedName() {
        var name = new StringBuilder(stream.expect(Token.Kind.NAME, "a name").text());
        while (stream.skipOperator(".")) {
            name.append('.').append(stream.expect(Token.Kind.NAME, "a name").text());
        }
        return name.toString();
    }

    private Expression test(Expression of) {
        int line = stream.take().line();
        boolean negated = stream.skipName("not");
        String name = dottedName();
        CallArguments arguments = CallArguments.NONE;
        if (stream.isOperator("(")) {
            arguments = arguments();
        } else if (beginsArgument()) {
            if (stream.isName("is")) {
                throw stream.failure("You cannot chain multiple tests with is");
            }
            stream.enterExpression();
            arguments = new CallArguments(List.of(postfix(primary())), List.of(), List.of(), null, null);
            stream.leaveExpression();
        }
        var test = new Expression.Test(of, name, arguments, line);
        return negated ? new Expression.Unary("not", test, line) : test;
    }

    private boolean beginsArgument() {
        Token token = stream.current();
        return switch (token.kind()) {
            case NAME -> !AFTER_TEST.contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> ARGUMENT_OPERATORS.contains(token.text());
            default -> false;
        };
    }
}
