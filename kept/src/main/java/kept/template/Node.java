package kept.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** A part of a parsed template. */
sealed interface Node permits Expression, Statement, Target {
    int line();

    /** The parts of it, in the order in which they stand. */
    List<Node> children();

    /** Those of some nodes that are there. */
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
