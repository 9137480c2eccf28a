package kept.template;

import java.util.function.Function;

/**
 * The variable {@code self}.
 *
 * @param byName the function that writes a block, or {@link Frame#MISSING}
 */
record Blocks(Function<String, Object> byName) {}
