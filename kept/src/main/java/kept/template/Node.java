package kept.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** A node of the syntax tree. */
sealed interface Node permits Expression, Statement, Target {
    int line();

    /** Its child nodes, in text order. */
    List<Node> children();

    /** The child nodes that are not null. */
    @SafeVarargs
    static List<Node> of(List<? extends Node>... parts) {
        var all = new ArrayList<Node>();
        for (List<? extends Node> part : parts) {
            all.addAll(part);
        }
        return all;
    }

    static List<Node> present(Node... parts) {
        return Stream.of(parts).filter(Objects::nonNull).toList();
    }
}
