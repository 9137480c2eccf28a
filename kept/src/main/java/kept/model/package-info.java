/**
 * The models: what config.json says of one, the decoder both architectures share, and its key-value cache.
 *
 * <p>{@link kept.model.DecoderConfig} is the shape of a model, read from and written as Hugging Face transformers' config.json.
 * {@link kept.model.ModelTensor} is a tensor of one: its role, its layer and its shape; {@link kept.model.TensorName}
 * alone knows what checkpoints call it.
 *
 * <p>Not here: files of weights ({@code kept.checkpoint}), the layers models are made of ({@code kept.nn}), turning one architecture into another
 * ({@code kept.mapping}), and choosing tokens ({@code kept.generation}).
 */
package kept.model;
