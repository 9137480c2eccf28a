package kept.template;

import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Executes the statements of a template, for one rendering. */
final class Interpreter {
    /** How execution continues after a statement. */
    private enum End { NEXT, BREAK, CONTINUE }

    private final Compilation template;
    private final Budget budget;
    private final Supplier<LocalDateTime> clock;
    private final Values values;
    private final Text text;
    private final Evaluator evaluator;
    private int line;

    Interpreter(Compilation template, Budget budget, Supplier<LocalDateTime> clock) {
        this.template = template;
        this.budget = budget;
        this.clock = clock;
        values = new Values(budget);
        text = new Text(budget);
        evaluator = new Evaluator(this);
    }

    Budget budget() {
        return budget;
    }

    Values values() {
        return values;
    }

    Text text() {
        return text;
    }

    Evaluator evaluator() {
        return evaluator;
    }

    LocalDateTime now() {
        return clock.get();
    }

    void at(int place) {
        line = place;
    }

    String render(Map<String, Object> given) {
        try {
            var frame = new Frame(template.root(), null, new Context(given, new HashMap<>(), false));
            if (template.root().assigned().contains("self") && template.root().variables().get("self") == Scope.Start.PARAMETER) {
                frame.setParameter("self", self(frame.context()));
            }
            return capture(template.body(), frame);
        } catch (TemplateException e) {
            throw e.at(line);
        } catch (StackOverflowError e) {
            throw new TemplateException("the template is nested too deep", line, false);
        }
    }

    /** Creates the frame of a scope, whose variables are initialised. */
    Frame frame(Scope scope, Frame parent, Context context) {
        budget.work(scope.variables().size() / 8);
        return new Frame(scope, parent, context);
    }

    /** Executes statements and returns their output. */
    String capture(List<Statement> statements, Frame frame) {
        var output = new StringBuilder();
        execute(statements, frame, output);
        return output.toString();
    }

    private void write(String string, StringBuilder output) {
        budget.text(string.length());
        output.append(string);
    }

    private End execute(List<Statement> statements, Frame frame, StringBuilder output) {
        for (Statement statement : statements) {
            End end = execute(statement, frame, output);
            if (end != End.NEXT) {
                return end;
            }
        }
        return End.NEXT;
    }

    private End execute(Statement statement, Frame frame, StringBuilder output) {
        line = statement.line();
        budget.enter();
        End end = End.NEXT;
        switch (statement) {
            case Statement.Output written -> {
                for (Expression part : written.parts()) {
                    write(part instanceof Expression.Data data ? data.text() : text.string(evaluator.evaluate(part, frame)), output);
                }
            }
            case Statement.Assignment assignment -> {
                requireNamespaces(assignment.target(), frame);
                assign(assignment.target(), evaluator.evaluate(assignment.value(), frame), frame);
            }
            case Statement.If condition -> end = condition(condition, frame, output);
            case Statement.For loop when loop.recursive() -> write((String) recursive(loop, evaluator.evaluate(loop.iterable(), frame), 0, frame),
                    output);
            case Statement.For loop -> end = loop(loop, evaluator.evaluate(loop.iterable(), frame), null, 0, frame, output);
            case Statement.AssignedBlock block -> end = assignBlock(block, frame);
            case Statement.With with -> end = with(with, frame, output);
            case Statement.MacroDefinition definition ->
                frame.set(definition.macro().name(), new Macro(definition.macro(), template.macro(definition.macro()), frame));
            case Statement.CallBlock call -> {
                var block = new Macro(call.macro(), template.macro(call.macro()), frame);
                write(text.string(call.call() == null ? block.call(Arguments.NONE, this) : evaluator.call(call.call(), frame, block)), output);
            }
            case Statement.FilterBlock block -> {
                Frame inner = frame(template.scope(block), frame, frame.context());
                var captured = new StringBuilder();
                end = execute(block.body(), inner, captured);
                if (end == End.NEXT) {
                    Object filtered = evaluator.filterBlock(block.filter(), captured.toString(), inner);
                    if (!Types.isText(filtered)) {
                        throw new TemplateException("a filter block makes a text: expected str instance, %s found".formatted(Types.name(filtered)));
                    }
                    write(Types.text(filtered), output);
                }
            }
            case Statement.Block block -> write(block(block, block.scoped() ? scoped(frame) : frame.context().forBlock()), output);
            case Statement.Autoescape escape -> {
                Frame inner = frame(template.scope(escape), frame, frame.context());
                if (values.isTrue(evaluator.evaluate(escape.on(), inner))) {
                    throw TemplateException.unsupported("autoescape");
                }
                end = execute(escape.body(), inner, output);
            }
            case Statement.LoopControl control -> end = control.ends() ? End.BREAK : End.CONTINUE;
            case Statement.OtherTemplate other -> throw new TemplateException(
                    "%s needs another template, and a chat template has no others".formatted(other.tag()));
        }
        budget.leave();
        return end;
    }

    private End condition(Statement.If condition, Frame frame, StringBuilder output) {
        for (int i = 0; i < condition.tests().size(); i++) {
            if (values.isTrue(evaluator.evaluate(condition.tests().get(i), frame))) {
                return execute(condition.bodies().get(i), frame, output);
            }
        }
        return execute(condition.otherwise(), frame, output);
    }

    private End with(Statement.With with, Frame frame, StringBuilder output) {
        Frame inner = frame(template.scope(with), frame, frame.context());
        for (int i = 0; i < with.targets().size(); i++) {
            assign(with.targets().get(i), evaluator.evaluate(with.values().get(i), frame), inner);
        }
        return execute(with.body(), inner, output);
    }

    private End assignBlock(Statement.AssignedBlock block, Frame frame) {
        Frame inner = frame(template.scope(block), frame, frame.context());
        var captured = new StringBuilder();
        End end = execute(block.body(), inner, captured);
        if (end == End.NEXT) {
            requireNamespaces(block.target(), frame);
            Object value = block.filter() == null ? captured.toString() : evaluator.filterBlock(block.filter(), captured.toString(), inner);
            assign(block.target(), value, frame);
        }
        return end;
    }

    private Object recursive(Statement.For loop, Object iterable, int depth, Frame frame) {
        var output = new StringBuilder();
        Callable again = (arguments, _) -> recursive(loop, arguments.positional().getFirst(),
                Numbers.integer(arguments.named().get("depth")).intValue(), frame);
        budget.enter();
        loop(loop, iterable, again, depth, frame, output);
        budget.leave();
        return output.toString();
    }

    private End loop(Statement.For loop, Object iterable, Callable again, int depth, Frame frame, StringBuilder output) {
        Object tested = loop.test() == null ? iterable : tested(loop, iterable, frame);
        Scope scope = template.scope(loop);
        boolean named = scope.variables().get("loop") == Scope.Start.PARAMETER;
        var state = new Loop(tested, values, again, depth);
        Frame inner = frame(scope, frame, frame.context());
        boolean without = true;
        while (state.advance()) {
            budget.work(1 + scope.variables().size() / 8);
            inner.begin();
            assign(loop.target(), state.current(), inner);
            if (named) {
                inner.setParameter("loop", state);
            }
            End end = execute(loop.body(), inner, output);
            if (end == End.BREAK) {
                break;
            }
            // As in Jinja2, an iteration that ends with continue does not count: a loop in which every iteration continues runs its else branch.
            without &= end == End.CONTINUE;
        }
        return without && !loop.otherwise().isEmpty()
                ? execute(loop.otherwise(), frame(template.elseScope(loop), frame, frame.context()), output) : End.NEXT;
    }

    /** The elements that satisfy the loop's condition, found lazily. */
    private Lazy tested(Statement.For loop, Object iterable, Frame frame) {
        Iterator<Object> all = values.iterator(iterable);
        return Lazy.generator(new SearchingIterator() {
            @Override
            Object find() {
                while (all.hasNext()) {
                    budget.work(1);
                    Object item = all.next();
                    Frame inner = frame(template.testScope(loop), frame, frame.context());
                    assign(loop.target(), item, inner);
                    if (values.isTrue(evaluator.evaluate(loop.test(), inner))) {
                        return loop.target() instanceof Target.Several ? new PyTuple(values.list(item)) : item;
                    }
                }
                return NONE;
            }
        });
    }

    /** The context of a scoped block, a copy of all variables. */
    private Context scoped(Frame frame) {
        Context context = frame.context().forBlock(frame.visible());
        budget.work(context.size());
        return context;
    }

    private String block(Statement.Block block, Context context) {
        if (block.required()) {
            throw new TemplateException("Required block '%s' not found".formatted(block.name()));
        }
        Scope scope = template.scope(block);
        Frame frame = frame(scope, null, context);
        if (scope.variables().get("self") == Scope.Start.PARAMETER) {
            frame.setParameter("self", self(context));
        }
        if (scope.variables().get("super") == Scope.Start.PARAMETER) {
            frame.setParameter("super", new Undefined("there is no parent block called '%s'".formatted(block.name())));
        }
        return capture(block.body(), frame);
    }

    /** The variable {@code self}, whose elements are the template's blocks. */
    private Object self(Context context) {
        return new Blocks(name -> {
            Statement.Block block = template.block(name);
            return block == null ? Frame.MISSING : new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                budget.enter();
                String written = block(block, context.forBlock());
                budget.leave();
                return written;
            });
        });
    }

    private void requireNamespaces(Target target, Frame frame) {
        switch (target) {
            case Target.NamespaceAttribute attribute -> {
                if (!(frame.get(attribute.name()) instanceof Namespace)) {
                    throw new TemplateException("cannot assign attribute on non-namespace object");
                }
            }
            case Target.Several several -> several.targets().forEach(part -> requireNamespaces(part, frame));
            case Target.Variable _ -> { }
        }
    }

    private void assign(Target target, Object value, Frame frame) {
        switch (target) {
            case Target.Variable variable -> frame.set(variable.name(), value);
            case Target.NamespaceAttribute attribute -> {
                if (!(frame.get(attribute.name()) instanceof Namespace namespace)) {
                    throw new TemplateException("cannot assign attribute on non-namespace object");
                }
                budget.items(1);
                namespace.attributes().put(attribute.attribute(), value);
            }
            case Target.Several several -> {
                List<Target> targets = several.targets();
                var parts = new ArrayList<>();
                for (Iterator<Object> rest = values.iterator(value); rest.hasNext() && parts.size() <= targets.size();) {
                    parts.add(rest.next());
                }
                if (parts.size() != targets.size()) {
                    throw new TemplateException(parts.size() > targets.size() ? "too many values to unpack (expected %d)".formatted(targets.size())
                            : "not enough values to unpack (expected %d, got %d)".formatted(targets.size(), parts.size()));
                }
                for (int i = 0; i < targets.size(); i++) {
                    assign(targets.get(i), parts.get(i), frame);
                }
            }
        }
    }
}
