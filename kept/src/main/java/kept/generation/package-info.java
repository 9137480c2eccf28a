/**
 * Text from models: how a token is chosen ({@code Sampler}, and what {@code generation_config.json} says of it), prompts continued token by token,
 * several side by side, and conversations in the format of a checkpoint's chat template.
 *
 * <p>What a cache holds is {@code kept.model}'s matter, text to ids and back {@code kept.tokenizer}'s; the language of templates is
 * {@code kept.template}'s.
 */
package kept.generation;
