package kept.template;

import java.util.function.Function;

/**
 * The variable {@code self}.
 *
 * @param byName returns the function that renders a block, or {@link Frame#MISSING}
 */
record Blocks(Function<String, Object> byName) {}
