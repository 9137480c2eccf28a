package kept.template;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Static analysis of a template: its scopes and blocks, and the errors that Jinja2 reports when it compiles. */
final class Compilation {
    /** Limit of nesting; Jinja2 fails earlier because of Python's own limits. */
    private static final int DEEPEST = 250;

    /** The implicit parameters ({@code caller}, {@code kwargs}, {@code varargs}) used by a macro or call block. */
    record MacroScope(Scope scope, boolean caller, boolean named, boolean rest) {}

    private final List<Statement> body;
    private final Scope root = new Scope(null);
    private final Map<Node, Scope> scopes = new IdentityHashMap<>();
    private final Map<Statement.For, Scope> elseScopes = new IdentityHashMap<>();
    private final Map<Statement.For, Scope> testScopes = new IdentityHashMap<>();
    private final Map<Statement.MacroBody, MacroScope> macros = new IdentityHashMap<>();
    private final Map<String, Statement.Block> blocks = new LinkedHashMap<>();

    private Compilation(List<Statement> body) {
        this.body = body;
    }

    static Compilation of(List<Statement> body) {
        var compilation = new Compilation(body);
        compilation.checkDepth();
        body.forEach(compilation::findBlocks);
        if (compilation.mentions(body, "self")) {
            compilation.root.parameter("self");
        }
        compilation.root.find(body);
        compilation.statements(body, new Place(compilation.root, true, false, false));
        for (Statement.Block block : compilation.blocks.values()) {
            compilation.block(block);
        }
        return compilation;
    }

    /**
     * The context of a statement.
     *
     * @param top whether it is in the outermost scope, possibly inside conditions
     * @param soft whether it is directly inside a condition, where an unknown filter is an error only when it is used
     */
    private record Place(Scope scope, boolean top, boolean soft, boolean loop) {
        Place inner(Scope inner) {
            return new Place(inner, false, false, loop);
        }

        Place function(Scope inner) {
            return new Place(inner, false, false, false);
        }

        Place softened() {
            return new Place(scope, top, true, loop);
        }
    }

    List<Statement> body() {
        return body;
    }

    Scope root() {
        return root;
    }

    Scope scope(Node node) {
        return scopes.get(node);
    }

    Scope elseScope(Statement.For loop) {
        return elseScopes.get(loop);
    }

    Scope testScope(Statement.For loop) {
        return testScopes.get(loop);
    }

    MacroScope macro(Statement.MacroBody macro) {
        return macros.get(macro);
    }

    Statement.Block block(String name) {
        return blocks.get(name);
    }

    /** Iterative, because the later passes are recursive. */
    private void checkDepth() {
        record Level(Node node, int depth) {}

        Deque<Level> open = new ArrayDeque<>();
        body.forEach(node -> open.push(new Level(node, 1)));
        while (!open.isEmpty()) {
            Level level = open.pop();
            if (level.depth() > DEEPEST) {
                throw new TemplateException("the template is nested more than %d deep, the limit".formatted(DEEPEST), level.node().line(), false);
            }
            level.node().children().forEach(child -> open.push(new Level(child, level.depth() + 1)));
        }
    }

    private void findBlocks(Node node) {
        if (node instanceof Statement.Block block && blocks.put(block.name(), block) != null) {
            throw new TemplateException("block '%s' defined twice".formatted(block.name()), block.line(), false);
        }
        node.children().forEach(this::findBlocks);
    }

    private void block(Statement.Block block) {
        var scope = new Scope(null);
        for (String name : List.of("self", "super")) {
            if (mentions(block.body(), name)) {
                scope.parameter(name);
            }
        }
        scope.find(block.body());
        scopes.put(block, scope);
        statements(block.body(), new Place(scope, false, false, false));
    }

    /** Whether a name is read before it is assigned, in text order. */
    private boolean mentions(List<? extends Node> nodes, String name) {
        return mentions(nodes, new HashSet<>(Set.of(name)));
    }

    private boolean mentions(List<? extends Node> nodes, Set<String> wanted) {
        for (Node node : nodes) {
            boolean found = switch (node) {
                case Expression.Name name -> wanted.contains(name.name());
                case Target.Variable variable -> {
                    wanted.remove(variable.name());
                    yield false;
                }
                case Statement.Block _ -> false;
                case Statement.MacroDefinition definition -> mentions(definition.macro(), wanted);
                case Statement.CallBlock call -> mentions(Node.present(call.call()), wanted) || mentions(call.macro(), wanted);
                default -> mentions(node.children(), wanted);
            };
            if (found) {
                return true;
            }
        }
        return false;
    }

    private boolean mentions(Statement.MacroBody macro, Set<String> wanted) {
        wanted.removeAll(macro.parameters());
        return mentions(macro.children(), wanted);
    }

    private void statements(List<Statement> statements, Place place) {
        statements.forEach(statement -> statement(statement, place));
    }

    private Scope inner(Node node, Place place) {
        var scope = new Scope(place.scope());
        scopes.put(node, scope);
        return scope;
    }

    private void statement(Statement statement, Place place) {
        switch (statement) {
            case Statement.Output output -> expressions(output.parts(), place);
            case Statement.Assignment assignment -> expressions(List.of(assignment.value()), place);
            case Statement.If condition -> {
                expressions(condition.tests(), place.softened());
                condition.bodies().forEach(branch -> statements(branch, place.softened()));
                statements(condition.otherwise(), place.softened());
            }
            case Statement.For loop -> loop(loop, place);
            case Statement.AssignedBlock block -> {
                Scope scope = inner(block, place);
                scope.find(block.body());
                statements(block.body(), place.inner(scope));
                expressions(Node.present(block.filter()), place.inner(scope));
            }
            case Statement.With with -> {
                Scope scope = inner(with, place);
                with.targets().forEach(scope::parameters);
                scope.find(with.body());
                expressions(with.values(), place);
                statements(with.body(), place.inner(scope));
            }
            case Statement.MacroDefinition definition -> macro(definition.macro(), definition.line(), place);
            case Statement.CallBlock call -> {
                macro(call.macro(), call.line(), place);
                expressions(Node.present(call.call()), place);
            }
            case Statement.FilterBlock block -> {
                Scope scope = inner(block, place);
                scope.find(block.body());
                scope.find(block.filter());
                statements(block.body(), place.inner(scope));
                expressions(List.of(block.filter()), place.inner(scope));
            }
            case Statement.Autoescape escape -> {
                Scope scope = inner(escape, place);
                scope.find(escape.on());
                scope.find(escape.body());
                expressions(List.of(escape.on()), place.inner(scope));
                statements(escape.body(), place.inner(scope));
            }
            case Statement.LoopControl control -> {
                if (!place.loop()) {
                    throw new TemplateException("'%s' outside loop".formatted(control.ends() ? "break" : "continue"), control.line(), false);
                }
            }
            case Statement.OtherTemplate other -> {
                if (other.tag().equals("extends") && !place.top()) {
                    throw new TemplateException("cannot use extend from a non top-level scope", other.line(), false);
                }
                expressions(List.of(other.template()), place);
            }
            case Statement.Block _ -> { }
        }
    }

    private void loop(Statement.For loop, Place place) {
        refuseLoopAsTarget(loop);
        Scope scope = inner(loop, place);
        if (loop.recursive() || mentions(loop.body(), "loop") || holdsScopedBlock(loop)) {
            scope.parameter("loop");
        }
        scope.parameters(loop.target());
        scope.find(loop.body());
        expressions(List.of(loop.iterable()), place);
        if (loop.test() != null) {
            var test = new Scope(place.scope());
            test.parameters(loop.target());
            test.find(loop.test());
            testScopes.put(loop, test);
            expressions(List.of(loop.test()), place.function(test));
        }
        statements(loop.body(), new Place(scope, false, false, true));
        if (!loop.otherwise().isEmpty()) {
            var otherwise = new Scope(place.scope());
            otherwise.find(loop.otherwise());
            elseScopes.put(loop, otherwise);
            statements(loop.otherwise(), loop.recursive() ? place.function(otherwise) : place.inner(otherwise));
        }
    }

    private static boolean holdsScopedBlock(Node node) {
        return node instanceof Statement.Block block && block.scoped() || node.children().stream().anyMatch(Compilation::holdsScopedBlock);
    }

    private static void refuseLoopAsTarget(Node node) {
        if (node instanceof Target.Variable variable && variable.name().equals("loop")) {
            throw new TemplateException("Can't assign to special loop variable in for-loop target", node.line(), false);
        }
        if (node instanceof Statement.With with) {         // its targets are parameters
            with.values().forEach(Compilation::refuseLoopAsTarget);
            with.body().forEach(Compilation::refuseLoopAsTarget);
        } else {
            node.children().forEach(Compilation::refuseLoopAsTarget);
        }
    }

    private void macro(Statement.MacroBody macro, int line, Place place) {
        var scope = new Scope(place.scope());
        List<String> parameters = macro.parameters();
        parameters.forEach(scope::parameter);
        boolean caller = mentions(macro.body(), "caller");
        if (caller && parameters.contains("caller") && parameters.indexOf("caller") < parameters.size() - macro.defaults().size()) {
            throw new TemplateException("When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.",
                    line, false);
        }
        boolean addsCaller = caller && !parameters.contains("caller");
        boolean named = mentions(macro.body(), "kwargs") && !parameters.contains("kwargs");
        boolean rest = mentions(macro.body(), "varargs") && !parameters.contains("varargs");
        if (addsCaller) {
            scope.parameter("caller");
        }
        if (named) {
            scope.parameter("kwargs");
        }
        if (rest) {
            scope.parameter("varargs");
        }
        scope.find(macro.defaults());
        scope.find(macro.body());
        macros.put(macro, new MacroScope(scope, caller, named, rest));
        expressions(macro.defaults(), place.function(scope));
        statements(macro.body(), place.function(scope));
    }

    /** Rejects unknown filters and tests, except inside a condition, which may prevent their use. */
    private void expressions(List<? extends Node> nodes, Place place) {
        for (Node node : nodes) {
            switch (node) {
                case Expression.Filter filter when !place.soft() && !Filters.isKnown(filter.name()) ->
                    throw new TemplateException("No filter named '%s'.".formatted(filter.name()), filter.line(), false);
                case Expression.Test test when !place.soft() && !Tests.isKnown(test.name()) ->
                    throw new TemplateException("No test named '%s'.".formatted(test.name()), test.line(), false);
                default -> { }
            }
            expressions(node.children(), node instanceof Expression.Conditional ? place.softened() : place);
        }
    }

    Map<String, Statement.Block> blocks() {
        return Collections.unmodifiableMap(blocks);
    }
}
