/** Conversion and distillation of Orion checkpoints into Llama ones: checkpoints, tokenizers, models, mappings and the programs. */
module kept {
    requires kept.core;
    requires ai.djl.api;
    requires ai.djl.sentencepiece;
    requires ai.djl.tokenizers;
    requires com.fasterxml.jackson.databind;

    exports kept;
    exports kept.tokenizer;
}
