/**
 * Conversion and distillation of checkpoints with LayerNorms, such as Orion's, into Llama ones: checkpoints, tokenizers, models, mappings and the
 * programs.
 */
module kept {
    requires transitive kept.core;
    requires ai.djl.api;
    requires ai.djl.sentencepiece;
    requires ai.djl.tokenizers;
    requires com.fasterxml.jackson.core;
    requires com.fasterxml.jackson.databind;
    // DJL's automatic modules cannot say that they need these two.
    requires com.google.gson;
    requires com.github.luben.zstd_jni;
    requires dev.hardwood.core;
    // Of the Parquet reader, an automatic module.
    requires jdk.jfr;
    requires java.management;
    requires jdk.management;
    requires io.pebbletemplates;
    requires org.slf4j;
    requires org.snakeyaml.engine;
    // Of the programs only. The service look-up below brings them into the module graph where they are on the module path.
    requires static info.picocli;
    requires static kept.commandline;
    requires static me.tongfei.progressbar;
    requires static org.jline.terminal;
    // Through which org.jline.terminal hears of Ctrl-C.
    requires jdk.unsupported;
    // No code, but the files that report.html carries.
    requires uplot;

    exports kept.calibration;
    exports kept.checkpoint;
    exports kept.corpus;
    exports kept.evaluation;
    exports kept.generation;
    exports kept.gguf;
    exports kept.io;
    exports kept.mapping;
    exports kept.model;
    exports kept.recording;
    exports kept.report;
    exports kept.run;
    exports kept.safetensors;
    exports kept.template;
    exports kept.tokenizer;
    exports kept.torch;
    exports kept.training;
    exports kept.weights;

    uses kept.commandline.CommandLineLibraries;

    opens kept to info.picocli;
    opens kept.cli to info.picocli;
}
