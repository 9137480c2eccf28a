package kept.gguf;

import java.util.List;
import java.util.OptionalInt;
import kept.model.DecoderConfig;
import kept.nn.RopeScaling;
import kept.tokenizer.Vocabulary;
import kept.tokenizer.Vocabulary.Token;

/** The metadata of a Llama that llama.cpp reads: sizes, constants and tokenizer. */
final class LlamaMetadata {
    private static final int QUANTIZATION_VERSION = 2;

    private LlamaMetadata() {}

    /**
     * Encodes the metadata.
     *
     * @param config the model
     * @param name the model name
     * @param type the element type of matrices
     * @param tokenizer the tokenizer; ids it does not use become unused tokens
     * @return the settings
     */
    static GgufMetadata of(DecoderConfig config, String name, GgufType type, Vocabulary tokenizer) {
        var metadata = new GgufMetadata();
        metadata.text("general.architecture", "llama");
        metadata.text("general.type", "model");
        metadata.text("general.name", name);
        metadata.integer("general.alignment", GgufLayout.ALIGNMENT);
        metadata.integer("general.file_type", type.fileType());
        metadata.integer("general.quantization_version", QUANTIZATION_VERSION);
        addModel(metadata, config);
        addTokenizer(metadata, config, tokenizer);
        return metadata;
    }

    private static void addModel(GgufMetadata metadata, DecoderConfig config) {
        metadata.integer("llama.vocab_size", config.vocabSize());
        metadata.integer("llama.context_length", config.maxPositions());
        metadata.integer("llama.embedding_length", config.hiddenSize());
        metadata.integer("llama.block_count", config.layers());
        metadata.integer("llama.feed_forward_length", config.intermediateSize());
        metadata.integer("llama.attention.head_count", config.heads());
        metadata.integer("llama.attention.head_count_kv", config.keyValueHeads());
        if (config.headDimension() != config.hiddenSize() / config.heads()) {
            metadata.integer("llama.attention.key_length", config.headDimension());
            metadata.integer("llama.attention.value_length", config.headDimension());
        }
        metadata.number("llama.attention.layer_norm_rms_epsilon", config.normEps());
        metadata.integer("llama.rope.dimension_count", config.headDimension());
        metadata.number("llama.rope.freq_base", config.ropeTheta());
        switch (config.ropeScaling()) {
            case RopeScaling.Linear linear -> {
                metadata.text("llama.rope.scaling.type", "linear");
                metadata.number("llama.rope.scaling.factor", linear.factor());
            }
            case RopeScaling.Yarn yarn -> {
                metadata.text("llama.rope.scaling.type", "yarn");
                metadata.number("llama.rope.scaling.factor", yarn.factor());
                metadata.integer("llama.rope.scaling.original_context_length", yarn.originalMaxPositions());
            }
            // Llama 3's scaling and LongRoPE are stored as a tensor; dynamic scaling changes nothing within the context length.
            case RopeScaling.None _, RopeScaling.Llama3 _, RopeScaling.DynamicNtk _, RopeScaling.LongRope _ -> { }
        }
    }

    private static void addTokenizer(GgufMetadata metadata, DecoderConfig config, Vocabulary tokenizer) {
        List<Token> tokens = tokenizer.distinct(config.vocabSize());
        metadata.text("tokenizer.ggml.model", tokenizer.byteLevel().isPresent() ? "gpt2" : "llama");
        metadata.text("tokenizer.ggml.pre", tokenizer.byteLevel().map(bpe -> preTokenizer(bpe, tokenizer.normalizes())).orElse("default"));
        metadata.texts("tokenizer.ggml.tokens", tokens.stream().map(Token::text).toList());
        if (tokenizer.byteLevel().isEmpty()) {
            metadata.numbers("tokenizer.ggml.scores", tokens.stream().map(Token::score).toList());
        }
        metadata.integers("tokenizer.ggml.token_type", tokens.stream().map(token -> token.kind().ordinal() + 1).toList());
        tokenizer.byteLevel().ifPresent(bpe -> metadata.texts("tokenizer.ggml.merges", bpe.merges()));
        OptionalInt bos = chosen(tokenizer.bos(), config.bosTokenId(), config);
        OptionalInt eos = eos(tokenizer, config);
        bos.ifPresent(id -> metadata.integer("tokenizer.ggml.bos_token_id", id));
        eos.ifPresent(id -> metadata.integer("tokenizer.ggml.eos_token_id", id));
        addId(metadata, "unknown", tokenizer.unknown(), OptionalInt.empty(), config);
        addId(metadata, "padding", tokenizer.padding(), config.padTokenId(), config);
        // Without its id, llama.cpp would add a token of its own choice.
        tokenizer.addsBos().ifPresent(adds -> metadata.flag("tokenizer.ggml.add_bos_token", adds && bos.isPresent()));
        tokenizer.addsEos().ifPresent(adds -> metadata.flag("tokenizer.ggml.add_eos_token", adds && eos.isPresent()));
        metadata.flag("tokenizer.ggml.add_space_prefix", tokenizer.dummyPrefix());
        tokenizer.chatTemplate().ifPresent(template -> metadata.text("tokenizer.chat_template", template));
    }

    /** The name by which llama.cpp knows how text is split; none of these rules composes characters there. */
    private static String preTokenizer(Vocabulary.ByteLevel bpe, boolean composes) {
        return switch (bpe.splitting()) {
            case GPT2 -> composes ? "olmo" : "gpt-2";
            case DIGITS -> "starcoder";
            case GPT4 -> "dbrx";
            case LLAMA3 -> "llama-bpe";
            case STABLELM2 -> "stablelm2";
        };
    }

    private static void addId(GgufMetadata metadata, String token, OptionalInt id, OptionalInt otherwise, DecoderConfig config) {
        chosen(id, otherwise, config).ifPresent(value -> metadata.integer("tokenizer.ggml.%s_token_id".formatted(token), value));
    }

    /** The only end token that a file can contain. */
    static OptionalInt eos(Vocabulary tokenizer, DecoderConfig config) {
        return chosen(tokenizer.eos(), config.eosTokenIds().stream().mapToInt(Integer::intValue).findFirst(), config);
    }

    /** The tokenizer's id takes precedence over config.json's, as in llama.cpp's converter. */
    private static OptionalInt chosen(OptionalInt id, OptionalInt otherwise, DecoderConfig config) {
        return id.isPresent() && id.getAsInt() < config.vocabSize() ? id : otherwise;
    }
}
