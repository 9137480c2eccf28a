package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import kept.Fixtures;
import kept.generation.GenerationConfig;
import kept.generation.SamplingOptions;
import kept.io.FileException;
import kept.io.JsonObject;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderConfigTest {
    private static final String SIZES = "\"vocab_size\": 160, \"hidden_size\": 32, "
        + "\"intermediate_size\": 80, \"num_hidden_layers\": 2, \"num_attention_heads\": 4";
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(160).hiddenSize(32).intermediateSize(80)
        .layers(2).heads(4).maxPositions(128).build();
    private static final DecoderConfig LLAMA = DecoderConfig.builder(Architecture.LLAMA).vocabSize(160).hiddenSize(32).intermediateSize(80)
        .layers(2).heads(4).maxPositions(128).normEps(1e-5).padTokenId(OptionalInt.of(0)).build();

    private static final String SUPPORTED = "; supported are OrionForCausalLM (orion), LlamaForCausalLM (llama), OlmoForCausalLM (olmo), "
        + "Starcoder2ForCausalLM (starcoder2), StableLmForCausalLM (stablelm), NemotronForCausalLM (nemotron)";

    @TempDir
    private Path folder;

    @Test
    void readsEveryKey() {
        DecoderConfig config = DecoderConfig.read(Fixtures.path("orion-bf16-sharded"));
        assertThat(config.architecture()).isEqualTo(Architecture.ORION);
        assertThat(config.vocabSize()).isEqualTo(160);
        assertThat(config.hiddenSize()).isEqualTo(32);
        assertThat(config.intermediateSize()).isEqualTo(80);
        assertThat(config.layers()).isEqualTo(2);
        assertThat(config.heads()).isEqualTo(4);
        assertThat(config.keyValueHeads()).isEqualTo(4);
        assertThat(config.headDimension()).isEqualTo(8);
        assertThat(config.maxPositions()).isEqualTo(128);
        assertThat(config.normEps()).isEqualTo(1e-5);
        assertThat(config.ropeTheta()).isEqualTo(10_000);
        assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.None());
        assertThat(config.attentionBias()).isFalse();
        assertThat(config.mlpBias()).isFalse();
        assertThat(config.tieWordEmbeddings()).isFalse();
        assertThat(config.bosTokenId()).hasValue(1);
        assertThat(config.eosTokenIds()).containsExactly(2);
        assertThat(config.padTokenId()).hasValue(0);
        assertThat(config.dtype()).isEqualTo(DType.BF16);
        assertThat(config.initializerRange()).isEqualTo(0.02);
    }

    @Test
    void readsEveryFixture() {
        assertThat(DecoderConfig.read(Fixtures.path("orion-safetensors"))).isEqualTo(ORION);
        assertThat(DecoderConfig.read(Fixtures.path("orion-torch-bin"))).isEqualTo(ORION.toBuilder().dtype(DType.BF16).build());
        assertThat(DecoderConfig.read(Fixtures.path("orion-long-rope"))).isEqualTo(ORION.toBuilder().ropeTheta(5e7).maxPositions(512).build());
        assertThat(DecoderConfig.read(Fixtures.path("xkd/teacher.config.json"))).isEqualTo(ORION);
        assertThat(DecoderConfig.read(Fixtures.path("xkd/student.config.json"))).isEqualTo(LLAMA);
        assertThat(DecoderConfig.read(Fixtures.path("llama"))).isEqualTo(LLAMA);
        assertThat(DecoderConfig.read(Fixtures.path("llama-biases"))).isEqualTo(LLAMA.toBuilder().attentionBias(true).mlpBias(true).build());
        assertThat(DecoderConfig.read(Fixtures.path("llama-gqa-tied"))).isEqualTo(LLAMA.toBuilder().keyValueHeads(2).tieWordEmbeddings(true).build());
        assertThat(DecoderConfig.read(Fixtures.path("llama-rope-llama3")))
            .isEqualTo(LLAMA.toBuilder().ropeScaling(new RopeScaling.Llama3(4, 1, 4, 32)).build());
        assertThat(DecoderConfig.read(Fixtures.path("llama-v5-config"))).isEqualTo(LLAMA.toBuilder().ropeScaling(new RopeScaling.Linear(2)).build());
    }

    @Test
    void takesTheDefaultsOfItsArchitecture() {
        DecoderConfig llama = DecoderConfig.read(config("\"model_type\": \"llama\", " + SIZES));
        assertThat(llama).isEqualTo(LLAMA.toBuilder().normEps(1e-6).maxPositions(2048).padTokenId(OptionalInt.empty()).build());
        DecoderConfig orion = DecoderConfig.read(config("\"architectures\": [\"OrionForCausalLM\"], \"max_sequence_length\": 128, " + SIZES));
        assertThat(orion).isEqualTo(ORION);
    }

    @Test
    void readsTheFormOfTransformers5() {
        DecoderConfig config = DecoderConfig.read(llama("""
            "dtype": "bfloat16", "eos_token_id": [2, 7], "pad_token_id": null, "bos_token_id": null, "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}"""));
        assertThat(config.dtype()).isEqualTo(DType.BF16);
        assertThat(config.eosTokenIds()).containsExactly(2, 7);
        assertThat(config.padTokenId()).isEmpty();
        assertThat(config.bosTokenId()).isEmpty();
        assertThat(config.headDimension()).isEqualTo(16);
        assertThat(config.ropeTheta()).isEqualTo(500_000);
        assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.None());
    }

    @Test
    void readsEveryKindOfRotaryScaling() {
        assertThat(scaling("{\"type\": \"linear\", \"factor\": 2}")).isEqualTo(new RopeScaling.Linear(2));
        assertThat(scaling("{\"rope_type\": \"dynamic\", \"factor\": 3.5}")).isEqualTo(new RopeScaling.DynamicNtk(3.5, 2048));
        assertThat(scaling("{\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 512}"))
            .isEqualTo(new RopeScaling.Yarn(4, 512, 32, 1, 0.1 * Math.log(4) + 1, true));
        assertThat(scaling("{\"rope_type\": \"yarn\", \"factor\": 4, \"mscale\": 2, \"mscale_all_dim\": 1, \"beta_fast\": 16, \"truncate\": false}"))
            .isEqualTo(new RopeScaling.Yarn(4, 2048, 16, 1, (0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1), false));
        assertThat(scaling("{\"rope_type\": \"yarn\", \"original_max_position_embeddings\": 256, \"attention_factor\": 1.5}"))
            .isEqualTo(new RopeScaling.Yarn(8, 256, 32, 1, 1.5, true));
        String factors = "\"short_factor\": [1, 2, 3, 4.5], \"long_factor\": [5, 6, 7, 8]";
        assertThat(scaling("{\"rope_type\": \"longrope\", %s, \"original_max_position_embeddings\": 64}".formatted(factors)))
            .isEqualTo(new RopeScaling.LongRope(List.of(1.0, 2.0, 3.0, 4.5), List.of(5.0, 6.0, 7.0, 8.0), 64, Math.sqrt(1 + 5.0 / 6)));
        assertThat(scaling("{\"rope_type\": \"longrope\", %s, \"attention_factor\": 1.5, \"factor\": 2}".formatted(factors)))
            .isEqualTo(new RopeScaling.LongRope(List.of(1.0, 2.0, 3.0, 4.5), List.of(5.0, 6.0, 7.0, 8.0), 2048, 1.5));
        assertThat(scaling("{}")).isEqualTo(new RopeScaling.None());
    }

    @Test
    void readsBackWhatItWrites() throws IOException {
        var configs = new ArrayList<>(List.of(ORION, LLAMA,
            LLAMA.toBuilder().headDimension(6).eosTokenIds(List.of(2, 3)).padTokenId(OptionalInt.empty()).build(),
            ORION.toBuilder().bosTokenId(OptionalInt.empty()).eosTokenIds(List.of()).dtype(DType.F16).initializerRange(0.006).build()));
        for (RopeScaling scaling : List.of(new RopeScaling.Linear(2), new RopeScaling.DynamicNtk(2, 128), new RopeScaling.Llama3(8, 1, 4, 64),
            new RopeScaling.Yarn(4, 32, 16, 2, 1.25, false), new RopeScaling.Yarn(4, 32, 32, 1, 1.1, true),
            new RopeScaling.LongRope(List.of(1.0, 2.5, 0x1p64, 1.0), List.of(1.0, 4.0, 0x1p64, 1.0), 64, 1.25))) {
            configs.add(LLAMA.toBuilder().ropeScaling(scaling).attentionBias(true).dtype(DType.BF16).build());
        }
        for (Architecture architecture : Architecture.values()) {
            if (architecture.isSource()) {
                configs.add(sized(architecture).build());
                configs.add(sized(architecture).tieWordEmbeddings(true).maxPositions(77).initializerRange(0.5).build());
            }
        }
        configs.add(sized(Architecture.OLMO).attentionBias(true).headDimension(6).build());
        configs.add(sized(Architecture.STARCODER2).attentionBias(false).mlpBias(false).activation(Activation.GELU).normEps(2e-5).build());
        configs.add(sized(Architecture.STABLELM).rotaryDimension(6).attentionBias(true).attentionOutputBias(false).normEps(2e-5).build());
        configs.add(sized(Architecture.NEMOTRON).hiddenSize(34).headDimension(14).rotaryDimension(6).mlpBias(true).attentionBias(true).build());
        for (DecoderConfig config : configs) {
            config.write(folder);
            assertThat(DecoderConfig.read(folder)).isEqualTo(config);
        }
    }

    private static DecoderConfigBuilder sized(Architecture architecture) {
        DecoderConfigBuilder builder = DecoderConfig.builder(architecture).vocabSize(160).hiddenSize(32).intermediateSize(48).layers(2).heads(4)
            .keyValueHeads(2).bosTokenId(OptionalInt.of(1)).eosTokenIds(List.of(3)).padTokenId(OptionalInt.of(0));
        return architecture == Architecture.STABLELM || architecture == Architecture.NEMOTRON ? builder.rotaryDimension(4) : builder;
    }

    @Test
    void refusesWhatNoLlamaDoesByName() {
        refused(config("\"model_type\": \"olmo\", \"clip_qkv\": 8.0, " + SIZES), "clip_qkv is 8.0: the model clips queries, keys and values, "
            + "which no Llama does; models with null can be read");
        refused(config("\"model_type\": \"stablelm\", \"use_parallel_residual\": true, " + SIZES), "use_parallel_residual is true: attention and "
            + "MLP read the same stream, which no Llama does; models whose blocks follow one another can be read");
        refused(config("\"model_type\": \"stablelm\", \"qk_layernorm\": true, " + SIZES), "qk_layernorm is true: queries and keys are normalised, "
            + "which no Llama does; models without these norms can be read");
        refused(config("\"model_type\": \"bloom\", " + SIZES), "this is a model of architecture unknown, model_type bloom, in which attention scores "
            + "fall with the distance (ALiBi) and nothing is rotated, which no Llama does" + SUPPORTED);
        for (String type : List.of("nemotron_h", "gpt_bigcode", "gpt_neox", "phi", "cohere", "falcon", "mpt", "gpt2", "opt")) {
            assertThatThrownBy(() -> DecoderConfig.read(config("\"model_type\": \"%s\", %s".formatted(type, SIZES)))).as(type)
                .isInstanceOf(FileException.class).hasMessageContaining("model_type %s, in which ".formatted(type));
        }
    }

    /** Former formats of the families' models: the line says how the model becomes one that can be read. */
    @Test
    void formerFormatsAreRefusedWithTheirRemedy() {
        for (String names : List.of("\"model_type\": \"hf_olmo\"", "\"model_type\": \"olmo\", \"architectures\": [\"OLMoForCausalLM\"]")) {
            assertThatThrownBy(() -> DecoderConfig.read(config(names + ", " + SIZES))).isInstanceOf(FileException.class)
                .hasMessageContaining("take the model's conversion for transformers, whose name ends in -hf, such as allenai/OLMo-7B-hf; supported");
        }
        String epoch = "\"model_type\": \"stablelm_epoch\", \"architectures\": [\"StableLMEpochForCausalLM\"], \"norm_eps\": 2e-5, "
            + "\"rope_pct\": 0.5, \"num_key_value_heads\": 4, " + SIZES;
        assertThatThrownBy(() -> DecoderConfig.read(config(epoch))).isInstanceOf(FileException.class).hasMessageContaining("set model_type to "
            + "stablelm and architectures to [\"StableLmForCausalLM\"], and rename rope_pct to partial_rotary_factor and norm_eps to layer_norm_eps");
        String followed = epoch.replace("stablelm_epoch", "stablelm").replace("StableLMEpochForCausalLM", "StableLmForCausalLM")
            .replace("rope_pct", "partial_rotary_factor").replace("norm_eps", "layer_norm_eps");
        DecoderConfig config = DecoderConfig.read(config(followed));
        assertThat(config.rotaryDimension()).isEqualTo(4);
        assertThat(config.normEps()).isEqualTo(2e-5);
    }

    /** transformers does not read the share under its former names, and would rotate another part of each head. */
    @Test
    void aRotatedPartUnderAFormerNameIsRefused() {
        String stablelm = "\"model_type\": \"stablelm\", \"num_key_value_heads\": 4, %s, " + SIZES;
        for (String factor : List.of("", ", \"partial_rotary_factor\": null")) {
            refused(config(stablelm.formatted("\"rope_pct\": 0.5" + factor)), "rope_pct is 0.5, which transformers does not read: it would rotate "
                + "0.25 of each head; rename the key to partial_rotary_factor");
        }
        assertThat(DecoderConfig.read(config(stablelm.formatted("\"rope_pct\": 0.25"))).rotaryDimension()).isEqualTo(2);
        Path both = config(stablelm.formatted("\"rope_pct\": 0.25, \"partial_rotary_factor\": 0.5"));
        assertThat(DecoderConfig.read(both).rotaryDimension()).isEqualTo(4);
        assertThat(ConfigNotes.of(folder)).contains("config.json: rope_pct does not count beside partial_rotary_factor, which differs");
    }

    /** What can be read and trained from, but is no Llama: the line says what to do. */
    @Test
    void whatNoLlamaIsMadeOfIsRefusedWithARemedy() {
        for (RopeScaling scaling : List.of(new RopeScaling.DynamicNtk(2, 128), new RopeScaling.Llama3(8, 1, 4, 64),
            new RopeScaling.Yarn(4, 32, 32, 1, 1.1, true), new RopeScaling.LongRope(List.of(1.0, 2.5), List.of(1.0, 4.0), 64, 1))) {
            DecoderConfig config = sized(Architecture.STABLELM).ropeScaling(scaling).build();
            assertThatThrownBy(config::toLlama).isInstanceOf(TensorException.class).hasMessage("[llama] 4 of a head's 8 features are rotated, with "
                + "frequencies scaled by %s; of a part of a head only unscaled and linearly scaled ones are mapped: remove rope_scaling from "
                .formatted(RopeScalingNames.type(scaling)) + "config.json if the model was trained without it, or distil into a Llama "
                + "(distill --student)");
        }
        DecoderConfig heads = sized(Architecture.NEMOTRON).heads(6).keyValueHeads(6).headDimension(8).build();
        assertThatThrownBy(heads::toLlama).isInstanceOf(TensorException.class).hasMessage("[llama] hidden_size 32 is no multiple of "
            + "num_attention_heads 6, as transformers requires of a Llama, nor of a larger number of heads in 6 groups (num_key_value_heads), to "
            + "which heads of zeros could fill it up: distil into a Llama of other heads (distill --student)");
    }

    @Test
    void aSlidingWindowEndsAStarCodersLongestText() {
        String starcoder = "\"model_type\": \"starcoder2\", \"num_key_value_heads\": 4, \"max_position_embeddings\": 128, " + SIZES;
        assertThat(DecoderConfig.read(config(starcoder + ", \"sliding_window\": 32")).maxPositions()).isEqualTo(32);
        assertThat(DecoderConfig.read(config(starcoder + ", \"sliding_window\": 256")).maxPositions()).isEqualTo(128);
        assertThat(DecoderConfig.read(config(starcoder + ", \"sliding_window\": null")).maxPositions()).isEqualTo(128);
        refused(config(starcoder + ", \"sliding_window\": 0"), "sliding_window must be greater than 0, but is 0");
        Path unused = config(starcoder + ", \"sliding_window\": 32, \"use_sliding_window\": false");
        assertThat(DecoderConfig.read(unused).maxPositions()).as("transformers has no such key for it").isEqualTo(32);
        assertThat(ConfigNotes.window(folder)).hasValue(32);
        assertThat(ConfigNotes.of(folder)).anyMatch(note -> note.contains("use_sliding_window false does not count"));
        config(starcoder + ", \"sliding_window\": 128");
        assertThat(ConfigNotes.window(folder)).isEmpty();
        config("\"model_type\": \"starcoder2\", \"num_key_value_heads\": 4, \"sliding_window\": 32, " + SIZES);
        assertThat(ConfigNotes.window(folder)).as("of the usual positions").hasValue(32);
    }

    @Test
    void aPartOfAHeadIsAnEvenNumberOfFeatures() {
        String stablelm = "\"model_type\": \"stablelm\", \"num_key_value_heads\": 4, \"partial_rotary_factor\": %s, " + SIZES;
        assertThat(DecoderConfig.read(config(stablelm.formatted("0.25"))).rotaryDimension()).isEqualTo(2);
        assertThat(DecoderConfig.read(config(stablelm.formatted("0.74") + ", \"rope_parameters\": {\"rope_type\": \"default\", "
            + "\"partial_rotary_factor\": 0.5}")).rotaryDimension()).isEqualTo(4);
        assertThat(DecoderConfig.read(config(stablelm.formatted("1"))).rotaryDimension()).isEqualTo(8);
        refused(config(stablelm.formatted("0.4")), "partial_rotary_factor is 0.4, which rotates 3 of a head's 8 features; it must be above 0 and at "
            + "most 1, and rotate an even number of them");
        refused(config(stablelm.formatted("1.5")), "partial_rotary_factor is 1.5, which rotates no part of a head's 8 features; it must be above 0 "
            + "and at most 1, and rotate an even number of them");
    }

    /** Every component differs from its default, so that one that builder, reader or writer forget is found. */
    @Test
    void everyComponentIsCopiedWrittenAndRead() throws ReflectiveOperationException {
        DecoderConfig usual = DecoderConfig.builder(Architecture.ORION).vocabSize(160).hiddenSize(32).intermediateSize(80).layers(2).heads(4).build();
        DecoderConfig other = DecoderConfig.builder(Architecture.LLAMA).vocabSize(170).hiddenSize(48).intermediateSize(96).layers(3).heads(6)
            .keyValueHeads(3).headDimension(10).maxPositions(256).activation(Activation.GELU_TANH).normEps(2e-5).ropeTheta(5e4)
            .ropeScaling(new RopeScaling.Linear(2))
            .attentionBias(true).mlpBias(true).tieWordEmbeddings(true).bosTokenId(OptionalInt.of(3)).eosTokenIds(List.of(4, 5))
            .padTokenId(OptionalInt.of(6)).dtype(DType.F16).initializerRange(0.03).build();
        for (RecordComponent component : DecoderConfig.class.getRecordComponents()) {
            assertThat(component.getAccessor().invoke(other)).as(component.getName()).isNotEqualTo(component.getAccessor().invoke(usual));
        }
        assertThat(other.toBuilder().build()).isEqualTo(other);
        other.write(folder);
        assertThat(DecoderConfig.read(folder)).isEqualTo(other);
    }

    @Test
    void writesTheFormOfTransformers4() {
        LLAMA.write(folder);
        assertThat(folder.resolve("config.json")).hasContent("""
            {
              "architectures": [
                "LlamaForCausalLM"
              ],
              "attention_bias": false,
              "attention_dropout": 0.0,
              "bos_token_id": 1,
              "eos_token_id": 2,
              "hidden_act": "silu",
              "hidden_size": 32,
              "initializer_range": 0.02,
              "intermediate_size": 80,
              "max_position_embeddings": 128,
              "mlp_bias": false,
              "model_type": "llama",
              "num_attention_heads": 4,
              "num_hidden_layers": 2,
              "num_key_value_heads": 4,
              "pad_token_id": 0,
              "pretraining_tp": 1,
              "rms_norm_eps": 1.0E-5,
              "rope_scaling": null,
              "rope_theta": 10000.0,
              "tie_word_embeddings": false,
              "torch_dtype": "float32",
              "transformers_version": "4.46.0",
              "use_cache": true,
              "vocab_size": 160
            }
            """);
    }

    @Test
    void writesTheSpecialTokensForGeneration() {
        LLAMA.toBuilder().eosTokenIds(List.of(2, 3)).build().writeGenerationConfig(folder, folder);
        JsonObject json = JsonObject.read("generation", folder.resolve("generation_config.json"));
        assertThat(json.integer("bos_token_id")).isEqualTo(1);
        assertThat(json.integers("eos_token_id")).containsExactly(2, 3);
        assertThat(json.integer("pad_token_id")).isZero();
    }

    @Test
    void carriesTheSourcesSamplingOver() throws IOException {
        Path source = Files.createDirectory(folder.resolve("source"));
        Files.writeString(source.resolve("generation_config.json"), """
                {"bos_token_id": 1, "do_sample": true, "eos_token_id": 7, "max_new_tokens": 1024, "pad_token_id": null, "repetition_penalty": 1.05,
                 "temperature": 0.3, "top_k": 5, "top_p": 0.9, "transformers_version": "4.34.0"}
                """);
        LLAMA.writeGenerationConfig(source, folder);
        JsonObject json = JsonObject.read("generation", folder.resolve("generation_config.json"));
        assertThat(json.integers("eos_token_id")).as("the source's own").containsExactly(7);
        assertThat(json.integer("pad_token_id")).as("the configuration's").isZero();
        assertThat(json.has("_from_model_config")).isFalse();
        GenerationConfig generation = GenerationConfig.read(folder);
        assertThat(generation.sampling()).isEqualTo(new SamplingOptions(0.3, 5, 0.9, 0, 1.05));
        assertThat(generation.maxNewTokens()).hasValue(1024);
        assertThat(generation.eosTokenIds()).containsExactly(7);
    }

    @Test
    void settingsOfGenerationThatAreLeftOutAreThoseOfTransformers() throws IOException {
        assertThat(GenerationConfig.read(folder)).isEqualTo(GenerationConfig.NONE);
        Files.writeString(folder.resolve("generation_config.json"), "{\"temperature\": 0.3, \"repetition_penalty\": 1.05}");
        assertThat(GenerationConfig.read(folder).sampling()).as("without do_sample the most likely").isEqualTo(new SamplingOptions(0, 0, 1, 0, 1.05));
        Files.writeString(folder.resolve("generation_config.json"), "{\"do_sample\": true, \"min_p\": 0.1}");
        assertThat(GenerationConfig.read(folder).sampling()).isEqualTo(new SamplingOptions(1, 50, 1, 0.1, 1));
        Files.writeString(folder.resolve("generation_config.json"), "{\"do_sample\": true, \"top_p\": 1.5}");
        assertThatThrownBy(() -> GenerationConfig.read(folder)).isInstanceOf(FileException.class)
                .hasMessageContaining("generation_config.json").hasMessageContaining("top-p 1.5");
    }

    @Test
    void refusesAnotherArchitecture() {
        refused(config("\"architectures\": [\"MistralForCausalLM\"], \"model_type\": \"mistral\", " + SIZES),
            "this is a model of architecture MistralForCausalLM, model_type mistral" + SUPPORTED);
        refused(config("\"architectures\": [\"LlamaForSequenceClassification\"], \"model_type\": \"llama\", " + SIZES),
            "this is a model of architecture LlamaForSequenceClassification, model_type llama" + SUPPORTED);
        refused(config(SIZES), "this is a model of architecture unknown, model_type unknown" + SUPPORTED);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"hidden_act\": \"tanh\"                    | hidden_act is 'tanh'; supported are silu, gelu, gelu_pytorch_tanh, relu, relu2",
        "\"num_attention_heads\": 5                  | hidden_size 32 is not a multiple of num_attention_heads 5",
        "\"num_key_value_heads\": 3                  | num_attention_heads 4 is not a multiple of num_key_value_heads 3",
        "\"num_key_value_heads\": 0                  | num_key_value_heads must be greater than 0, but is 0",
        "\"num_hidden_layers\": -2                   | num_hidden_layers must be greater than 0, but is -2",
        "\"vocab_size\": null                        | vocab_size is missing",
        "\"vocab_size\": \"160\"                     | vocab_size must be an integer of at most 32 bits, not \"160\"",
        "\"vocab_size\": 160.0                       | vocab_size must be an integer of at most 32 bits, not 160.0",
        "\"hidden_size\": 3000000000                 | hidden_size must be an integer of at most 32 bits, not 3000000000",
        "\"rms_norm_eps\": 0                         | rms_norm_eps must be greater than 0, but is 0",
        "\"rms_norm_eps\": -1e-5                     | rms_norm_eps must be greater than 0, but is -1.0E-5",
        "\"rms_norm_eps\": true                      | rms_norm_eps must be a number, not true",
        "\"rope_theta\": 0                           | rope_theta must be greater than 0, but is 0",
        "\"head_dim\": 7                             | the head dimension must be even for rotary positions, but is 7",
        "\"max_position_embeddings\": 0              | max_position_embeddings must be greater than 0, but is 0",
        "\"attention_bias\": 1                       | attention_bias must be true or false, not 1",
        "\"tie_word_embeddings\": \"no\"             | tie_word_embeddings must be true or false, not \"no\"",
        "\"bos_token_id\": 160                       | bos_token_id 160 is outside the vocabulary of 160",
        "\"eos_token_id\": [2, -1]                   | eos_token_id -1 is outside the vocabulary of 160",
        "\"eos_token_id\": \"</s>\"                  | eos_token_id must be an integer of at most 32 bits, not \"</s>\"",
        "\"torch_dtype\": \"float8\"                 | torch_dtype is 'float8'; "
            + "supported are float32, bfloat16 and float16, and float64, which becomes float32",
        "\"num_hidden_layers\": 2147483647           | num_hidden_layers 2147483647 is above the 10000 that are supported",
        "\"num_hidden_layers\": 2147483648           | num_hidden_layers must be an integer of at most 32 bits, not 2147483648",
        "\"num_hidden_layers\": 2.5                  | num_hidden_layers must be an integer of at most 32 bits, not 2.5",
        "\"num_hidden_layers\": 1e400                | num_hidden_layers is out of range of 64-bit floating point",
        "\"intermediate_size\": null                 | intermediate_size is missing",
        "\"rms_norm_eps\": 1e400                     | rms_norm_eps is out of range of 64-bit floating point",
        "\"rms_norm_eps\": 1e-400                    | rms_norm_eps must be greater than 0, but is 0",
        "\"rms_norm_eps\": 1e300                     | rms_norm_eps 1.0E300 is beyond the range of 32-bit floating point",
        "\"rms_norm_eps\": 1e-60                     | rms_norm_eps 1.0E-60 is beyond the range of 32-bit floating point",
        "\"initializer_range\": 1e999                | initializer_range is out of range of 64-bit floating point",
        "\"partial_rotary_factor\": 0.5              | partial_rotary_factor is 0.5; only rotation of the whole head, 1, is supported",
        "\"quantization_config\": {} | quantization_config is set: quantised weights are not supported; take the unquantised checkpoint",
        "\"architectures\": \"LlamaForCausalLM\"     | architectures must be a list of strings, not \"LlamaForCausalLM\"",
        "\"rope_scaling\": 2                         | rope_scaling must be an object, not 2",
        "\"rope_scaling\": {\"factor\": 2}           | rope_scaling.rope_type is missing beside factor",
        "\"rope_scaling\": {\"type\": \"linear\"}    | rope_scaling.factor is missing",
        "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0} "
            + "| rope_scaling.rope_type linear: factor must be a finite number greater than 0, not 0.0",
        "\"rope_parameters\": {\"rope_type\": \"longrope\"} | rope_parameters.short_factor is missing",
        "\"rope_parameters\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [1, 2]} "
            + "| longrope needs 4 factors, one for two of a head's features",
        "\"rope_parameters\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 0], \"long_factor\": [1, 2]} "
            + "| rope_parameters.rope_type longrope: a short factor must be a finite number greater than 0, not 0.0",
        "\"rope_parameters\": {\"rope_type\": \"longrope\", \"short_factor\": [1, \"2\"], \"long_factor\": [1, 2]} "
            + "| rope_parameters.short_factor must be a list of numbers, not [1,\"2\"]",
        "\"rope_parameters\": {\"rope_type\": \"su\"} "
            + "| rope_parameters.rope_type is 'su'; supported are default, linear, dynamic, llama3, yarn and longrope",
    })
    void refusesWhatDoesNotFit(String entry, String problem) {
        refused(llama(entry), problem);
    }

    @Test
    void refusesSizesThatNoModelHasBeforeAnythingIsMadeOfThem() {
        String usual = "\"model_type\": \"llama\", \"num_attention_heads\": 4, ";
        refused(config(usual + "\"vocab_size\": 2147483647, \"hidden_size\": 2147483640, \"intermediate_size\": 80, \"num_hidden_layers\": 2"),
            "the sizes are those of a model of 4.61e+19 parameters; are they right?");
        refused(config(usual + "\"vocab_size\": 160, \"hidden_size\": 32, \"intermediate_size\": 2147483647, \"num_hidden_layers\": 10000"),
            "the sizes are those of a model of 2.06e+15 parameters; are they right?");
        refused(config(usual + "\"vocab_size\": 160, \"hidden_size\": 32, \"intermediate_size\": 80, \"num_hidden_layers\": 10001"),
            "num_hidden_layers 10001 is above the 10000 that are supported");
    }

    @Test
    void refusesBiasesAndHeadDimensionsThatOrionLacks() {
        String orion = "\"model_type\": \"orion\", " + SIZES;
        refused(config(orion + ", \"attention_bias\": true"), "Orion has no attention_bias and no mlp_bias");
        refused(config(orion + ", \"head_dim\": 16"), "Orion's head_dim is hidden_size / num_attention_heads = 8, not 16");
    }

    @Test
    void refusesFilesThatAreNoConfiguration() throws IOException {
        Path file = folder.resolve("config.json");
        assertThatThrownBy(() -> DecoderConfig.read(file)).isInstanceOf(FileException.class)
            .hasMessage("[config] " + file + ": cannot be read: no such file or directory");
        for (String broken : List.of("{\"a\": 1", "{\"a\"", "{\"a\": tru}", "{'a': 1}", "{\"a\": 01}", "{\"a\": \"\t\"}", "{\"a\": \"\\x\"}",
                "[".repeat(5000), "{\"a\": " + "1".repeat(2000) + "}", "{\"a\": 1,}", "{\"a\": NaN}", "{\"a\": -Infinity}", "", " ")) {
            Files.writeString(file, broken);
            assertThatThrownBy(() -> DecoderConfig.read(file)).as(broken).isInstanceOf(FileException.class)
                .hasMessageMatching("\\[config] .*: is (not valid JSON: |empty ).*");
        }
        Files.writeString(file, "\ufeff{\"hidden_size\": 0}");
        refused(file, "this is a model of architecture unknown, model_type unknown; "
            + SUPPORTED.substring(2));
        Files.writeString(file, "[1]");
        refused(file, "is not a JSON object");
        Files.writeString(file, "{\"hidden_size\": 32,\n \"hidden_size\": 64}");
        refused(file, "is not valid JSON: line 2, column 2: the key \"hidden_size\" occurs twice in one object");
        Files.writeString(file, "{\"hidden_size\": 32} {}");
        assertThatThrownBy(() -> DecoderConfig.read(file)).isInstanceOf(FileException.class)
            .hasMessageStartingWith("[config] " + file + ": is not valid JSON: line 1, column 21: more follows after the end of the value");
        Files.write(file, new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
        refused(file, "cannot be read: it is not UTF-8: byte 0xFF at offset 2; convert it to UTF-8");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void theBuilderChecksToo(double eps) {
        assertThatThrownBy(() -> LLAMA.toBuilder().normEps(eps).build()).isInstanceOf(TensorException.class)
            .hasMessageStartingWith("[config] rms_norm_eps must be greater than 0, but is ");
    }

    private RopeScaling scaling(String json) {
        return DecoderConfig.read(llama("\"rope_scaling\": " + json)).ropeScaling();
    }

    /** A Llama configuration in which one entry stands in for the usual one of that key. */
    private Path llama(String entry) {
        String key = entry.substring(0, entry.indexOf(':'));
        var entries = new ArrayList<String>(List.of(entry));
        for (String usual : ("\"model_type\": \"llama\", " + SIZES).split(", ")) {
            if (!usual.startsWith(key + ":")) {
                entries.add(usual);
            }
        }
        return config(String.join(", ", entries));
    }

    private Path config(String entries) {
        try {
            return Files.writeString(folder.resolve("config.json"), "{" + entries + "}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void refused(Path file, String problem) {
        assertThatThrownBy(() -> DecoderConfig.read(file)).isInstanceOf(FileException.class).hasMessage("[config] " + file + ": " + problem);
    }

    /** What a small vocabulary lacks is left out if the architecture says it, and refused if the caller does. */
    @Test
    void aVocabularyHasTheSpecialTokensOfItsModel() {
        DecoderConfigBuilder small = DecoderConfig.builder(Architecture.STARCODER2).vocabSize(9).hiddenSize(8).intermediateSize(8).layers(1).heads(2);
        assertThat(small.build().bosTokenId()).isEmpty();
        assertThat(small.build().eosTokenIds()).isEmpty();
        assertThat(small.vocabSize(50_257).build().bosTokenId()).hasValue(50_256);
        assertThatThrownBy(() -> small.vocabSize(9).bosTokenId(OptionalInt.of(9)).build()).isInstanceOf(TensorException.class)
                .hasMessage("[config] bos_token_id 9 is outside the vocabulary of 9");
    }
}
