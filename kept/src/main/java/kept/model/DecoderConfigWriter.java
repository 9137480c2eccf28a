package kept.model;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import kept.io.AtomicFiles;
import kept.io.InputFiles;
import kept.io.JsonObject;
import kept.nn.RopeScaling;
import kept.tensor.DType;

/** Writes config.json in the form of transformers 4, with keys in alphabetical order, and generation_config.json. */
final class DecoderConfigWriter {
    /** The first release of transformers that reads all keys written here. */
    private static final String TRANSFORMERS_VERSION = "4.46.0";

    private DecoderConfigWriter() { }

    static void write(DecoderConfig config, Path directory) {
        var json = new TreeMap<String, Object>();
        json.put("architectures", List.of(config.architecture().className()));
        json.put("model_type", config.architecture().modelType());
        json.put("vocab_size", config.vocabSize());
        json.put("hidden_size", config.hiddenSize());
        json.put("intermediate_size", config.intermediateSize());
        json.put("num_hidden_layers", config.layers());
        json.put("num_attention_heads", config.heads());
        json.put("num_key_value_heads", config.keyValueHeads());
        json.put("max_position_embeddings", config.maxPositions());
        config.architecture().family().normEpsKey().ifPresent(key -> json.put(key, config.normEps()));
        json.put("rope_theta", config.ropeTheta());
        json.put("rope_scaling", ropeScaling(config.ropeScaling()));
        json.put("tie_word_embeddings", config.tieWordEmbeddings());
        json.put("torch_dtype", dtype(config.dtype()));
        json.put("initializer_range", config.initializerRange());
        json.put("hidden_act", ActivationNames.of(config.activation()));
        json.put("use_cache", true);
        json.put("transformers_version", TRANSFORMERS_VERSION);
        putTokens(json, config);
        if (config.architecture().family().rotaryFactor().isPresent()) {
            double factor = (double) config.rotaryDimension() / config.headDimension();
            // A reader multiplies and cuts off.
            json.put("partial_rotary_factor", (int) (config.headDimension() * factor) < config.rotaryDimension() ? Math.nextUp(factor) : factor);
        }
        config.architecture().family().write(config, json);
        AtomicFiles.writeJson(directory.resolve(DecoderConfig.FILE), json);
    }

    /** Writes the source's generation settings, and the configuration's special tokens if the source does not specify them. */
    static void writeGenerationConfig(DecoderConfig config, Path source, Path directory) {
        var json = new TreeMap<String, Object>();
        InputFiles.find("generation", source, DecoderConfig.GENERATION_FILE).ifPresentOrElse(
            defaults -> json.putAll(JsonObject.read("generation", defaults).toMap()), () -> {
                json.put("_from_model_config", true);
                InputFiles.find("config", source, DecoderConfig.FILE)
                    .ifPresent(file -> json.putAll(ConfigNotes.generation(JsonObject.read("config", file))));
            });
        json.put("transformers_version", TRANSFORMERS_VERSION);
        var tokens = new TreeMap<String, Object>();
        putTokens(tokens, config);
        tokens.forEach((key, id) -> {
            if (json.get(key) == null) {
                json.put(key, id);
            }
        });
        AtomicFiles.writeJson(directory.resolve(DecoderConfig.GENERATION_FILE), json);
    }

    private static void putTokens(Map<String, Object> json, DecoderConfig config) {
        json.put("bos_token_id", orNull(config.bosTokenId()));
        json.put("pad_token_id", orNull(config.padTokenId()));
        List<Integer> eos = config.eosTokenIds();
        json.put("eos_token_id", eos.isEmpty() ? null : eos.size() == 1 ? eos.getFirst() : eos);
    }

    private static Integer orNull(OptionalInt id) {
        return id.isPresent() ? id.getAsInt() : null;
    }

    private static String dtype(DType dtype) {
        return switch (dtype) {
            case F32 -> "float32";
            case BF16 -> "bfloat16";
            case F16 -> "float16";
            case I32, I64, F64, U8, BOOL -> throw new IllegalArgumentException("no floating-point type: " + dtype);
        };
    }

    /**
     * The object with the scaling. For the first two types it has the form required by old releases of transformers 4: two keys, with the type as
     * {@code type}.
     */
    private static Map<String, Object> ropeScaling(RopeScaling scaling) {
        var json = new LinkedHashMap<String, Object>();
        switch (scaling) {
            case RopeScaling.None _ -> {
                return null;
            }
            case RopeScaling.Linear linear -> {
                json.put("type", RopeScalingNames.type(scaling));
                json.put("factor", linear.factor());
            }
            case RopeScaling.DynamicNtk dynamic -> {
                json.put("type", RopeScalingNames.type(scaling));
                json.put("factor", dynamic.factor());
            }
            case RopeScaling.Llama3 llama3 -> {
                json.put("rope_type", RopeScalingNames.type(scaling));
                json.put("factor", llama3.factor());
                json.put("low_freq_factor", llama3.lowFrequencyFactor());
                json.put("high_freq_factor", llama3.highFrequencyFactor());
                json.put("original_max_position_embeddings", llama3.originalMaxPositions());
            }
            case RopeScaling.Yarn yarn -> {
                json.put("rope_type", RopeScalingNames.type(scaling));
                json.put("factor", yarn.factor());
                json.put("original_max_position_embeddings", yarn.originalMaxPositions());
                json.put("beta_fast", yarn.betaFast());
                json.put("beta_slow", yarn.betaSlow());
                json.put("attention_factor", yarn.attentionFactor());
                if (!yarn.truncate()) {
                    json.put("truncate", false);
                }
            }
            case RopeScaling.LongRope rope -> {
                json.put("rope_type", RopeScalingNames.type(scaling));
                json.put("short_factor", rope.shortFactors());
                json.put("long_factor", rope.longFactors());
                json.put("attention_factor", rope.attentionFactor());
                json.put("factor", 1.0);
                json.put("original_max_position_embeddings", rope.originalMaxPositions());
            }
        }
        return json;
    }
}
