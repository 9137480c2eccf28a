package kept.template;

import java.util.List;

/** What is executed. */
sealed interface Statement extends Node {
    /** Text and values that are written. */
    record Output(List<Expression> parts, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(parts);
        }
    }

    /** A loop; {@code test} may be null, {@code otherwise} is empty where there is no else. */
    record For(Target target, Expression iterable, List<Statement> body, List<Statement> otherwise, Expression test, boolean recursive, int line)
            implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(List.of(target, iterable), body, otherwise, Node.present(test));
        }
    }

    /** Conditions with what is executed where they are the first that hold, and what is where none does. */
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

    /** {@code set target}, its text, {@code endset}; {@code filter} may be null. */
    record AssignedBlock(Target target, Expression.Filter filter, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(List.of(target), Node.present(filter), body);
        }
    }

    /** A scope with variables. */
    record With(List<Target> targets, List<Expression> values, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(targets, values, body);
        }
    }

    /** What a macro takes and writes; the defaults are those of the last parameters. */
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

    /** A call with a block, which the called macro reaches as caller; of a generation block the call is null, and the block is written. */
    record CallBlock(MacroBody macro, Expression.Call call, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(Node.present(call), macro.children());
        }
    }

    /** A block whose text goes through filters. */
    record FilterBlock(Expression.Filter filter, List<Statement> body, int line) implements Statement {
        @Override
        public List<Node> children() {
            return Node.of(body, List.of(filter));
        }
    }

    /** A block with a name, which is written where it stands. */
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

    /** {@code break}, or {@code continue}. */
    record LoopControl(boolean ends, int line) implements Statement {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** A tag that asks for another template: include, import, from or extends; {@code names} are those it would define. */
    record OtherTemplate(String tag, Expression template, List<String> names, int line) implements Statement {
        @Override
        public List<Node> children() {
            return List.of(template);
        }
    }
}
