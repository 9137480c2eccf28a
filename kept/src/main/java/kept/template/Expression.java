package kept.template;

import java.util.List;

/** An expression. */
sealed interface Expression extends Node {
    /** Literal text of the template. */
    record Data(String text, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** A literal. */
    record Constant(Object value, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** A variable. */
    record Name(String name, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** A list or tuple. */
    record Elements(boolean tuple, List<Expression> items, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(items);
        }
    }

    /** A dictionary. */
    record Dictionary(List<Expression> keys, List<Expression> values, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(keys, values);
        }
    }

    /** {@code not}, unary {@code -} or {@code +}. */
    record Unary(String operator, Expression operand, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of(operand);
        }
    }

    /** Arithmetic. */
    record Binary(String operator, Expression left, Expression right, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of(left, right);
        }
    }

    /** {@code and} or {@code or}. */
    record Logical(boolean and, Expression left, Expression right, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of(left, right);
        }
    }

    /** A chain of comparisons. */
    record Comparison(Expression first, List<String> operators, List<Expression> others, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(List.of(first), others);
        }
    }

    /** {@code ~}. */
    record Concatenation(List<Expression> parts, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(parts);
        }
    }

    /** {@code a if b else c}; {@code otherwise} may be null. */
    record Conditional(Expression test, Expression then, Expression otherwise, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.present(test, then, otherwise);
        }
    }

    /** {@code of.name}. */
    record Attribute(Expression of, String name, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of(of);
        }
    }

    /** {@code of[key]}. */
    record Item(Expression of, Expression key, int line) implements Expression {
        @Override
        public List<Node> children() {
            return List.of(of, key);
        }
    }

    /** {@code of[from:to:step]}, each of which may be null. */
    record Slice(Expression of, Expression from, Expression to, Expression step, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.present(of, from, to, step);
        }
    }

    /** Arguments of a call; {@code spread} and {@code spreadNamed} may be null. */
    record CallArguments(List<Expression> positional, List<String> names, List<Expression> named, Expression spread, Expression spreadNamed) {
        static final CallArguments NONE = new CallArguments(List.of(), List.of(), List.of(), null, null);

        List<Node> children() {
            return Node.of(positional, named, Node.present(spread, spreadNamed));
        }
    }

    /** A call. */
    record Call(Expression function, CallArguments arguments, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(List.of(function), arguments.children());
        }
    }

    /** {@code of|name(arguments)}; {@code of} is null in a filter block, whose text is filtered. */
    record Filter(Expression of, String name, CallArguments arguments, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(Node.present(of), arguments.children());
        }
    }

    /** {@code of is name(arguments)}. */
    record Test(Expression of, String name, CallArguments arguments, int line) implements Expression {
        @Override
        public List<Node> children() {
            return Node.of(List.of(of), arguments.children());
        }
    }
}
