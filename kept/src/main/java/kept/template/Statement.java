package kept.template;

import java.util.List;

/** A statement. */
sealed interface Statement extends Node {
    /** Literal text and expressions to print. */
    record Output(List<Expression> parts, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(parts);
        }
    }

    /** A loop; {@code test} may be null, {@code otherwise} is empty if there is no else. */
    record For(Target target, Expression iterable, List<Statement> body, List<Statement> otherwise, Expression test, boolean recursive, int line)
            implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(List.of(target, iterable), body, otherwise, Node.present(test));
        }
    }

    /** Conditions with their bodies, and the else body; the first condition that holds decides. */
    record If(List<Expression> tests, List<List<Statement>> bodies, List<Statement> otherwise, int line) implements Statement {
        @Override
        public List<Node> children() {
            var all = Node.of(tests);
            bodies.forEach(all::addAll);
            all.addAll(otherwise);
            return all;
        }
    }

    /** {@code set target = value}. */
    record Assignment(Target target, Expression value, int line) implements Statement {
        @Override
        public List<Node> children() {
            return List.of(target, value);
        }
    }

    /** {@code {% set target %}...{% endset %}}; {@code filter} may be null. */
    record AssignedBlock(Target target, Expression.Filter filter, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(List.of(target), Node.present(filter), body);
        }
    }

    /** A with block: a scope with variables. */
    record With(List<Target> targets, List<Expression> values, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(targets, values, body);
        }
    }

    /** The parameters and body of a macro; the defaults belong to the last parameters. */
    record MacroBody(String name, List<String> parameters, List<Expression> defaults, List<Statement> body) {
        List<Node> children() {
            return Node.of(defaults, body);
        }
    }

    /** A macro's definition. */
    record MacroDefinition(MacroBody macro, int line) implements Statement {
        @Override
        public List<Node> children() {
            return macro.children();
        }
    }

    /** A call block, passed to the called macro as {@code caller}; for a generation block the call is null and the block is printed. */
    record CallBlock(MacroBody macro, Expression.Call call, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(Node.present(call), macro.children());
        }
    }

    /** A block whose text is filtered. */
    record FilterBlock(Expression.Filter filter, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(body, List.of(filter));
        }
    }

    /** A named block, rendered at its position. */
    record Block(String name, boolean scoped, boolean required, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(body);
        }
    }

    /** {@code autoescape}. */
    record Autoescape(Expression on, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(List.of(on), body);
        }
    }

    /** {@code break} or {@code continue}. */
    record LoopControl(boolean ends, int line) implements Statement {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** A tag that refers to another template: include, import, from or extends; {@code names} are the names it would define. */
    record OtherTemplate(String tag, Expression template, List<String> names, int line) implements Statement {
        @Override
        public List<Node> children() {
            return List.of(template);
        }
    }
}
