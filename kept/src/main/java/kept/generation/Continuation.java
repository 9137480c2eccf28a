package kept.generation;

/**
 * What was added to a prompt.
 *
 * @param text the text, without the stop string that may have ended it
 * @param tokens how many tokens were generated for it, the one that ends it included
 * @param finish why it ended
 */
public record Continuation(String text, int tokens, Finish finish) {}
