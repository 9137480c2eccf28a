/** Conversion and distillation of Orion checkpoints into Llama ones: checkpoints, tokenizers, models, mappings and the programs. */
module kept {
    requires kept.core;

    exports kept;
}
