/**
 * Generates text: sampling ({@code Sampler}, with the settings of {@code generation_config.json}), continuation of prompts singly and in batches, and
 * conversations in the format of a checkpoint's chat template, held with a model or read from training data.
 *
 * <p>Elsewhere: key-value caches ({@code kept.model}), tokenizers ({@code kept.tokenizer}) and the template language ({@code kept.template}).
 */
package kept.generation;
