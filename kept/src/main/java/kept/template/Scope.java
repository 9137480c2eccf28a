package kept.template;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The variables of a scope, found before rendering. Jinja2 resolves names lexically: a scope that assigns a name has its own variable from its start,
 * initialised from the enclosing scope; a scope that only reads a name uses the enclosing variable.
 */
final class Scope {
    /** The initial value of a variable. */
    enum Start {
        /** An argument. */
        PARAMETER,
        /** A variable passed to the template. */
        GIVEN,
        /** The variable of the same name in the enclosing scope. */
        OUTER,
        /** No value. */
        NOTHING
    }

    private final Scope parent;
    private final Map<String, Start> variables;
    private final Set<String> assigned;

    Scope(Scope parent) {
        this(parent, new LinkedHashMap<>(), new HashSet<>());
    }

    private Scope(Scope parent, Map<String, Start> variables, Set<String> assigned) {
        this.parent = parent;
        this.variables = variables;
        this.assigned = assigned;
    }

    Map<String, Start> variables() {
        return variables;
    }

    Set<String> assigned() {
        return assigned;
    }

    private boolean knows(String name) {
        return variables.containsKey(name) || parent != null && parent.knows(name);
    }

    void parameter(String name) {
        assigned.add(name);
        variables.put(name, Start.PARAMETER);
    }

    private void load(String name) {
        if (!knows(name)) {
            variables.put(name, Start.GIVEN);
        }
    }

    private void store(String name) {
        assigned.add(name);
        if (!variables.containsKey(name)) {
            variables.put(name, parent != null && parent.knows(name) ? Start.OUTER : Start.NOTHING);
        }
    }

    void find(List<? extends Node> nodes) {
        nodes.forEach(this::find);
    }

    /** Finds the variables of a node, excluding nested scopes. */
    void find(Node node) {
        switch (node) {
            case Expression.Name name -> load(name.name());
            case Target.Variable variable -> store(variable.name());
            case Target.NamespaceAttribute attribute -> load(attribute.name());
            case Statement.If condition -> condition(condition, 0);
            case Statement.MacroDefinition definition -> store(definition.macro().name());
            case Statement.Assignment assignment -> {
                find(assignment.value());
                find(assignment.target());
            }
            case Statement.AssignedBlock block -> find(block.target());
            case Statement.For loop -> find(loop.iterable());
            case Statement.CallBlock block -> find(Node.present(block.call()));
            case Statement.FilterBlock block -> find(block.filter());
            case Statement.With with -> find(with.values());
            case Statement.Block _, Statement.Autoescape _ -> { }
            case Statement.OtherTemplate other -> {
                find(other.template());
                other.names().forEach(this::store);
            }
            default -> find(node.children());
        }
    }

    /** Declares the variables of a target as parameters. */
    void parameters(Target target) {
        switch (target) {
            case Target.Variable variable -> parameter(variable.name());
            case Target.Several several -> several.targets().forEach(this::parameters);
            case Target.NamespaceAttribute _ -> find(target);
        }
    }

    /**
     * Each branch sees the variables found before it, not those assigned in other branches; after the condition, a variable assigned in any
     * branch exists.
     */
    private void condition(Statement.If condition, int number) {
        find(condition.tests().get(number));
        Scope body = branch();
        body.find(condition.bodies().get(number));
        Scope otherTests = branch();
        Scope otherwise = branch();
        if (number == 0) {
            for (int i = 1; i < condition.tests().size(); i++) {
                otherTests.condition(condition, i);
            }
            otherwise.find(condition.otherwise());
        }
        merge(List.of(body, otherTests, otherwise));
    }

    private Scope branch() {
        return new Scope(parent, new LinkedHashMap<>(variables), new HashSet<>(assigned));
    }

    private void merge(List<Scope> branches) {
        var later = new HashSet<String>();
        for (Scope branch : branches) {
            later.addAll(branch.assigned);
        }
        later.removeAll(assigned);
        for (Scope branch : branches) {
            variables.putAll(branch.variables);
            assigned.addAll(branch.assigned);
        }
        for (String name : later) {
            variables.put(name, parent != null && parent.knows(name) ? Start.OUTER : Start.GIVEN);
        }
    }
}
