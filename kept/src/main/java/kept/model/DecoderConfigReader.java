package kept.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.JsonObject;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;

/** Reads config.json in the forms of transformers 4 and 5. */
final class DecoderConfigReader {
    private static final String OPERATION = "config";
    private static final String ROTARY_FACTOR = "partial_rotary_factor";

    private final JsonObject json;

    private DecoderConfigReader(JsonObject json) {
        this.json = json;
    }

    static DecoderConfig read(Path path) {
        Path file = Files.isDirectory(path) ? inDirectory(path) : path;
        var reader = new DecoderConfigReader(JsonObject.read(OPERATION, file));
        try {
            DecoderConfig config = reader.read();
            boolean untied = config.tieWordEmbeddings() && Files.isDirectory(path) && TiedHead.differs(path);
            return untied ? config.toBuilder().tieWordEmbeddings(false).build() : config;
        } catch (FileException e) {
            throw e;
        } catch (TensorException e) {
            throw new FileException(OPERATION, file, e.reason(), e);
        }
    }

    private static Path inDirectory(Path directory) {
        return InputFiles.find(OPERATION, directory, DecoderConfig.FILE).orElseThrow(() -> new FileException(OPERATION,
            directory.resolve(DecoderConfig.FILE), "cannot be read: no such file or directory" + Checkpoint.hint(directory)));
    }

    private DecoderConfig read() {
        Architecture architecture = architecture(json);
        Family family = architecture.family();
        DecoderConfigBuilder builder = DecoderConfig.builder(architecture);
        DecoderConfig sizes = builder.vocabSize(required("vocab_size")).hiddenSize(required("hidden_size"))
            .intermediateSize(required("intermediate_size")).layers(required("num_hidden_layers")).heads(required("num_attention_heads"))
            .headDimension(json.has("head_dim") ? required("head_dim") : 0)
            .bosTokenId(OptionalInt.empty()).eosTokenIds(List.of()).padTokenId(OptionalInt.empty()).build();
        refuseUnsupported(family);
        int positions = positions(json, architecture);
        JsonObject rope = ropeParameters();
        builder.keyValueHeads(json.has("num_key_value_heads") ? required("num_key_value_heads") : family.keyValueHeads(sizes.heads()))
            .maxPositions(withinWindow(family, positions))
            .activation(activation(family, sizes.activation()))
            .ropeTheta(rope != null && rope.has("rope_theta") ? rope.number("rope_theta") : json.number("rope_theta", sizes.ropeTheta()))
            .ropeScaling(rope == null ? new RopeScaling.None() : ropeScaling(rope, positions))
            .tieWordEmbeddings(json.flag("tie_word_embeddings", sizes.tieWordEmbeddings()))
            .dtype(dtype())
            .initializerRange(json.number("initializer_range", sizes.initializerRange()));
        family.normEpsKey().ifPresent(key -> builder.normEps(json.number(key, sizes.normEps())));
        family.rotaryFactor().ifPresent(usual -> builder.rotaryDimension(rotaryDimension(sizes.headDimension(), usual, rope)));
        putTokens(family.tokens().within(sizes.vocabSize()), builder);
        family.read(json, builder);
        return builder.build();
    }

    private void putTokens(Family.SpecialTokens usual, DecoderConfigBuilder builder) {
        builder.bosTokenId(token("bos_token_id", usual.bos()));
        builder.eosTokenIds(json.has("eos_token_id") || json.isNull("eos_token_id") ? json.integers("eos_token_id") : usual.eos());
        OptionalInt padding = token("pad_token_id", usual.pad());
        // Early Llama checkpoints write -1 for no padding token.
        builder.padTokenId(padding.isPresent() && padding.getAsInt() == -1 ? OptionalInt.empty() : padding);
    }

    /** The architecture that a file names. */
    static Architecture architecture(JsonObject json) {
        List<String> classes = json.strings("architectures");
        String type = json.string("model_type", null);
        for (Architecture architecture : Architecture.values()) {
            boolean typeFits = type == null ? !classes.isEmpty() : type.equals(architecture.modelType());
            if (typeFits && (classes.isEmpty() || classes.contains(architecture.className()))) {
                return architecture;
            }
        }
        String supported = Arrays.stream(Architecture.values()).map(a -> "%s (%s)".formatted(a.className(), a.modelType()))
            .collect(Collectors.joining(", "));
        throw new FileException(OPERATION, json.file(), "this is a model of architecture %s, model_type %s%s; supported are %s"
            .formatted(classes.isEmpty() ? "unknown" : String.join(", ", classes), type == null ? "unknown" : type,
                ForeignArchitectures.clause(type, classes), supported));
    }

    private Activation activation(Family family, Activation usual) {
        String name = json.string("hidden_act", ActivationNames.of(usual));
        return ActivationNames.parse(name).filter(family.activations()::contains).orElseThrow(() ->
            json.error("hidden_act", "is '%s'; supported %s".formatted(name, family.activations().size() == 1
                ? "is only " + ActivationNames.list(family.activations()) : "are " + ActivationNames.list(family.activations()))));
    }

    private void refuseUnsupported(Family family) {
        for (String key : List.of("quantization_config", "compression_config")) {
            if (json.has(key)) {
                throw json.error(key, "is set: quantised weights are not supported; take the unquantised checkpoint");
            }
        }
        for (String key : List.of("is_encoder_decoder", "add_cross_attention")) {
            if (json.flag(key, false)) {
                throw json.error(key, "is true; only decoders without cross-attention are supported");
            }
        }
        if (json.has("pruned_heads") && !json.object("pruned_heads").keys().isEmpty()) {
            throw json.error("pruned_heads", "names heads; pruned models are not supported");
        }
        for (String type : json.strings("layer_types")) {
            if (!type.equals("full_attention")) {
                throw json.error("layer_types", "names '%s'; only full_attention is supported".formatted(type));
            }
        }
        if (family.rotaryFactor().isEmpty()) {
            refusePartialRotation(json);
            JsonObject rope = ropeParameters();
            if (rope != null) {
                refusePartialRotation(rope);
            }
        }
        family.refuse(json);
    }

    /** The longest sequence, whatever a sliding window restricts. */
    static int positions(JsonObject json, Architecture architecture) {
        int positions = DecoderConfig.builder(architecture).maxPositions();
        for (String key : architecture.family().positionKeys().reversed()) {
            positions = json.integer(key, positions);
        }
        return positions;
    }

    /** The longest text whose attention a window does not restrict. */
    private int withinWindow(Family family, int positions) {
        boolean counts = json.flag("use_sliding_window", true) || family.endsAtWindow();
        OptionalInt window = json.has("sliding_window") && counts ? OptionalInt.of(required("sliding_window")) : OptionalInt.empty();
        if (window.isPresent() && window.getAsInt() < positions) {
            if (family.endsAtWindow()) {
                return window.getAsInt();
            }
            // A window shorter than the longest sequence would restrict attention.
            throw json.error("sliding_window", "is %d, below max_position_embeddings %d; only attention to all tokens is supported"
                .formatted(window.getAsInt(), positions));
        }
        return positions;
    }

    /** The number of features that are rotated; as in transformers, a fraction of one is cut off. */
    private int rotaryDimension(int headDimension, double usual, JsonObject rope) {
        JsonObject place = rope != null && rope.has(ROTARY_FACTOR) ? rope : json;
        double factor = place.number(ROTARY_FACTOR, usual);
        for (String key : ConfigKeys.FORMER_ROTARY_FACTORS) {
            if (!place.has(ROTARY_FACTOR) && json.has(key) && json.number(key) != usual) {
                throw json.error(key, "is %s, which transformers does not read: it would rotate %s of each head; rename the key to %s"
                    .formatted(json.number(key), usual, ROTARY_FACTOR));
            }
        }
        int rotated = (int) (headDimension * factor);
        if (!(factor > 0 && factor <= 1) || rotated < 2 || rotated % 2 != 0) {
            String part = factor > 0 && factor <= 1 ? Integer.toString(rotated) : "no part";
            throw place.error(ROTARY_FACTOR, "is %s, which rotates %s of a head's %d features; it must be above 0 and at most 1, and "
                .formatted(factor, part, headDimension) + "rotate an even number of them");
        }
        return rotated;
    }

    private static void refusePartialRotation(JsonObject object) {
        if (object.number(ROTARY_FACTOR, 1) != 1) {
            throw object.error(ROTARY_FACTOR, "is %s; only rotation of the whole head, 1, is supported".formatted(object.number(ROTARY_FACTOR)));
        }
    }

    private int required(String key) {
        int value = json.integer(key);
        if (value <= 0) {
            throw json.error(key, "must be greater than 0, but is %d".formatted(value));
        }
        return value;
    }

    /** A special token: the usual one if the key is absent, none if it is null. */
    private OptionalInt token(String key, OptionalInt usual) {
        if (json.isNull(key)) {
            return OptionalInt.empty();
        }
        if (json.has(key)) {
            return OptionalInt.of(json.integer(key));
        }
        return usual;
    }

    private DType dtype() {
        String key = json.has("dtype") ? "dtype" : "torch_dtype";
        String name = json.string(key, "float32");
        return switch (name) {
            // Doubles are rounded to floats when weights are read.
            case "float32", "float64" -> DType.F32;
            case "bfloat16" -> DType.BF16;
            case "float16" -> DType.F16;
            default -> throw json.error(key,
                "is '%s'; supported are float32, bfloat16 and float16, and float64, which becomes float32".formatted(name));
        };
    }

    /** The object with the scaling; as in transformers, that of version 4 takes precedence over that of version 5. Null if there is none. */
    private JsonObject ropeParameters() {
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            if (json.has(key)) {
                JsonObject rope = json.object(key);
                if (!rope.keys().isEmpty()) {
                    return rope;
                }
            }
        }
        return null;
    }

    /** The type of a scaling; null if it is missing. */
    static String ropeType(JsonObject rope) {
        return rope.string("rope_type", rope.string("type", rope.has("factor") ? null : "default"));
    }

    /**
     * A key that belongs to another type of scaling is ignored with a note, as in transformers; a key that belongs to no type is rejected because
     * its meaning is unknown.
     */
    private static void refuseUnknown(JsonObject rope) {
        for (String key : rope.keys()) {
            if (rope.has(key) && !ConfigKeys.ROPE_COMMON.contains(key) && ConfigKeys.ROPE.values().stream().noneMatch(keys -> keys.contains(key))) {
                throw rope.error(key, "is no setting of rotary positions that is supported");
            }
        }
    }

    private RopeScaling ropeScaling(JsonObject rope, int maxPositions) {
        String type = ropeType(rope);
        if (type == null) {
            throw rope.error("rope_type", "is missing beside factor");
        }
        if (ConfigKeys.ROPE.containsKey(type)) {
            refuseUnknown(rope);
        }
        try {
            return switch (type) {
                case "default" -> new RopeScaling.None();
                case "linear" -> new RopeScaling.Linear(rope.number("factor"));
                case "dynamic" -> new RopeScaling.DynamicNtk(rope.number("factor"), maxPositions);
                case "llama3" -> new RopeScaling.Llama3(rope.number("factor"), rope.number("low_freq_factor"), rope.number("high_freq_factor"),
                    originalPositions(rope, maxPositions));
                case "yarn" -> yarn(rope, maxPositions);
                case "longrope" -> longRope(rope, maxPositions);
                default -> throw rope.error("rope_type",
                    "is '%s'; supported are default, linear, dynamic, llama3, yarn and longrope".formatted(type));
            };
        } catch (FileException e) {
            throw e;
        } catch (TensorException e) {
            throw rope.error("rope_type", "%s: %s".formatted(type, e.reason()));
        }
    }

    private RopeScaling yarn(JsonObject rope, int maxPositions) {
        int original = originalPositions(rope, maxPositions);
        double factor = rope.number("factor", (double) maxPositions / original);
        double mscale = rope.number("mscale", 0);
        double mscaleAllDimensions = rope.number("mscale_all_dim", 0);
        double inferred = mscale != 0 && mscaleAllDimensions != 0 ? RopeScaling.Yarn.attentionFactor(factor, mscale, mscaleAllDimensions)
            : RopeScaling.Yarn.attentionFactor(factor);
        return new RopeScaling.Yarn(factor, original, rope.number("beta_fast", 32), rope.number("beta_slow", 1),
            rope.number("attention_factor", inferred), rope.flag("truncate", true));
    }

    private RopeScaling longRope(JsonObject rope, int maxPositions) {
        int original = originalPositions(rope, maxPositions);
        double factor = rope.number("factor", (double) maxPositions / original);
        return new RopeScaling.LongRope(rope.numbers("short_factor"), rope.numbers("long_factor"), original,
            rope.number("attention_factor", RopeScaling.LongRope.attentionFactor(factor, original)));
    }

    private int originalPositions(JsonObject rope, int maxPositions) {
        String key = "original_max_position_embeddings";
        return json.has(key) ? required(key) : rope.integer(key, maxPositions);
    }
}
