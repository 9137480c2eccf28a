/**
 * Text from models: prompts continued token by token, several side by side, and conversations in the words of a checkpoint's chat template.
 *
 * <p>How one token is chosen and what a cache holds is {@code kept.model}'s matter, text to ids and back {@code kept.tokenizer}'s. The
 * language of templates is {@code kept.template}'s.
 */
package kept.generation;
