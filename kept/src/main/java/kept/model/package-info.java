/**
 * The models: what config.json says of one, the decoder both architectures share, and generating text with it.
 *
 * <p>{@link kept.model.DecoderConfig} is the shape of a model, read from and written as Hugging Face transformers' config.json.
 *
 * <p>Not here: files of weights ({@code kept.checkpoint}), the layers models are made of ({@code kept.nn}), and turning one architecture into another
 * ({@code kept.mapping}).
 */
package kept.model;
