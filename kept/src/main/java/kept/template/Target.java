package kept.template;

import java.util.List;

/** The target of an assignment. */
sealed interface Target extends Node {
    /** A variable. */
    record Variable(String name, int line) implements Target {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }

    /** Several targets that unpack a value. */
    record Several(List<Target> targets, int line) implements Target {
        @Override
        public List<Node> children() {
            return Node.of(targets);
        }
    }

    /** An attribute of a namespace. */
    record NamespaceAttribute(String name, String attribute, int line) implements Target {
        @Override
        public List<Node> children() {
            return List.of();
        }
    }
}
