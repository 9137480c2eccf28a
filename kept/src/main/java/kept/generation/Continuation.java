package kept.generation;

/**
 * The generated continuation of a prompt.
 *
 * @param text the generated text, without the stop string that ended it
 * @param tokens the number of generated tokens, including the one that ended it
 * @param finish why it ended
 */
public record Continuation(String text, int tokens, Finish finish) {}
