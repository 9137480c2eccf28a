/**
 * The models: configuration, the decoder that all architectures share, and its key-value cache.
 *
 * <p>{@link kept.model.Architecture} lists the architectures; a class of its own ({@code Family}) states for each the keys of config.json, the norm,
 * the MLP and the names of its tensors. {@link kept.model.DecoderConfig} is the configuration, read from and written to the config.json of Hugging
 * Face transformers. {@link kept.model.ModelTensor} is a tensor of one: its role, its layer and its shape; {@link kept.model.TensorName} alone knows
 * its name in checkpoints. {@link kept.model.Lora} says which projections have low-rank adapters, whose names are {@link kept.model.AdapterName}'s.
 * {@link kept.model.Weights} gives the values, of which {@link kept.model.QuantizedWeights} quantises those of matrices.
 * {@link kept.model.NamedTensors} saves and loads tensors of any model.
 *
 * <p>Elsewhere: weight files ({@code kept.checkpoint}), layers ({@code kept.nn}), conversion between architectures ({@code kept.mapping}) and
 * sampling ({@code kept.generation}).
 */
package kept.model;
