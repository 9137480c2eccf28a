package kept.model;

import kept.tensor.Scope;

/** Llama's decoder (arXiv 2302.13971): the shared decoder with RMSNorm. */
public final class LlamaModel extends Decoder {
    LlamaModel(DecoderConfig config, Weights weights, Lora adapters, Scope scope) {
        super(config, weights, DecoderParts::norm, adapters, scope);
    }
}
