package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import kept.Fixtures;
import kept.generation.GenerationConfig;
import kept.io.FileException;
import kept.io.JsonObject;
import kept.tokenizer.TokenizerFiles;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Every key of the configurations that transformers 4 and 5 write, given another value than usual, is carried over, refused, or noted.
 * {@code make_configs.py} among the test resources makes the keys of 5; those of 4 are listed here.
 */
class ConfigKeysTest {
    /** What becomes of a value. */
    private enum Fate {
        /** It is in the new config.json. */
        CARRIED,
        /** It is in the new generation_config.json. */
        GENERATION,
        /** The configuration is not read, and the message names the key. */
        REFUSED,
        /** A note names the key. */
        NOTED,
        /** It says where the file comes from. */
        PROVENANCE
    }

    private static final Set<String> TRANSFORMERS_4 = Set.of("_name_or_path", "add_cross_attention", "architectures", "attention_bias",
        "attention_dropout", "auto_map", "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward",
        "cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
        "eos_token_id", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "head_dim", "hidden_act",
        "hidden_size", "id2label", "initializer_range", "intermediate_size", "is_decoder", "is_encoder_decoder", "label2id", "length_penalty",
        "max_length", "max_position_embeddings", "max_sequence_length", "min_length", "mlp_bias", "model_type", "no_repeat_ngram_size",
        "num_attention_heads", "num_beam_groups", "num_beams", "num_hidden_layers", "num_key_value_heads", "num_return_sequences",
        "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "pretraining_tp", "problem_type", "pruned_heads",
        "quantization_config", "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "rms_norm_eps",
        "rope_scaling", "rope_theta", "sep_token_id", "sliding_window", "suppress_tokens", "task_specific_params", "temperature",
        "tf_legacy_loss", "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
        "transformers_version", "typical_p", "use_bfloat16", "use_cache", "vocab_size");

    /** For each key a value that is not the usual one, as JSON, and what becomes of it. */
    private static final Object[][] CASES = {
        {"_name_or_path", "\"/home/someone/model\"", Fate.PROVENANCE}, {"transformers_version", "\"4.99\"", Fate.PROVENANCE},
        {"add_cross_attention", "true", Fate.REFUSED}, {"is_encoder_decoder", "true", Fate.REFUSED}, {"pruned_heads", "{\"0\": [1]}", Fate.REFUSED},
        {"quantization_config", "{\"bits\": 4}", Fate.REFUSED}, {"compression_config", "{\"format\": \"int\"}", Fate.REFUSED},
        {"hidden_act", "\"quick_gelu\"", Fate.REFUSED}, {"hidden_act", "\"gelu\"", Fate.CARRIED},
        {"sliding_window", "64", Fate.REFUSED}, {"partial_rotary_factor", "0.5", Fate.REFUSED},
        {"layer_types", "[\"full_attention\", \"sliding_attention\"]", Fate.REFUSED}, {"model_type", "\"mistral\"", Fate.REFUSED},
        {"architectures", "[\"LlamaForSequenceClassification\"]", Fate.REFUSED}, {"architectures", "[\"LlamaModel\"]", Fate.REFUSED},
        {"vocab_size", "161", Fate.CARRIED}, {"hidden_size", "64", Fate.CARRIED}, {"intermediate_size", "81", Fate.CARRIED},
        {"num_hidden_layers", "3", Fate.CARRIED}, {"num_attention_heads", "8", Fate.CARRIED}, {"num_key_value_heads", "2", Fate.CARRIED},
        {"head_dim", "16", Fate.CARRIED}, {"max_position_embeddings", "4096", Fate.CARRIED}, {"rms_norm_eps", "0.001", Fate.CARRIED},
        {"rope_theta", "5000.0", Fate.CARRIED}, {"attention_bias", "true", Fate.CARRIED}, {"mlp_bias", "true", Fate.CARRIED},
        {"tie_word_embeddings", "true", Fate.CARRIED}, {"bos_token_id", "5", Fate.CARRIED}, {"eos_token_id", "[6,7]", Fate.CARRIED},
        {"pad_token_id", "8", Fate.CARRIED}, {"torch_dtype", "\"bfloat16\"", Fate.CARRIED}, {"initializer_range", "0.5", Fate.CARRIED},
        {"rope_scaling", "{\"type\":\"linear\",\"factor\":2.0}", Fate.CARRIED},
        {"rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
            + "\"original_max_position_embeddings\":64}", Fate.CARRIED},
        {"rope_scaling", "{\"rope_type\":\"longrope\",\"factor\":2.0}", Fate.REFUSED},
        {"rope_scaling", "{\"type\":\"su\",\"factor\":2.0}", Fate.REFUSED},
        {"rope_scaling", "{\"type\":\"mrope\",\"mrope_section\":[1,2]}", Fate.REFUSED},
        {"rope_scaling", "{\"rope_type\":\"default\",\"mrope_section\":[1,2]}", Fate.REFUSED},
        {"rope_scaling", "{\"rope_type\":\"linear\",\"factor\":2.0,\"beta_fast\":1}", Fate.NOTED},
        {"rope_parameters", "{\"rope_type\":\"proportional\",\"rope_theta\":1.0}", Fate.REFUSED},
        {"rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":1.0,\"partial_rotary_factor\":0.5}", Fate.REFUSED},
        {"rope_parameters", "{\"full_attention\":{\"rope_type\":\"default\"},\"sliding_attention\":{\"rope_type\":\"default\"}}", Fate.REFUSED},
        {"dtype", "\"float64\"", Fate.NOTED}, {"max_sequence_length", "64", Fate.NOTED}, {"auto_map",
            "{\"AutoModelForCausalLM\":\"modeling_mine.MineForCausalLM\"}", Fate.NOTED},
        {"attention_dropout", "0.1", Fate.NOTED}, {"pretraining_tp", "2", Fate.NOTED}, {"use_cache", "false", Fate.NOTED},
        {"return_dict", "false", Fate.NOTED}, {"torchscript", "true", Fate.NOTED}, {"use_bfloat16", "true", Fate.NOTED},
        {"output_attentions", "true", Fate.NOTED}, {"output_hidden_states", "true", Fate.NOTED}, {"is_decoder", "true", Fate.NOTED},
        {"tie_encoder_decoder", "true", Fate.NOTED}, {"tf_legacy_loss", "true", Fate.NOTED}, {"chunk_size_feed_forward", "8", Fate.NOTED},
        {"cross_attention_hidden_size", "8", Fate.NOTED}, {"finetuning_task", "\"mnli\"", Fate.NOTED},
        {"problem_type", "\"regression\"", Fate.NOTED}, {"prefix", "\"a\"", Fate.NOTED},
        {"task_specific_params", "{\"a\":{\"b\":1}}", Fate.NOTED}, {"tokenizer_class", "\"T5Tokenizer\"", Fate.NOTED},
        {"id2label", "{\"0\":\"yes\"}", Fate.NOTED}, {"label2id", "{\"yes\":0}", Fate.NOTED}, {"attn_logit_softcapping", "30", Fate.NOTED},
        {"something_new", "[1]", Fate.NOTED},
    };

    @TempDir
    private Path folder;
    private Path source;
    private JsonNode golden;

    @BeforeEach
    void read() throws IOException {
        source = Files.createDirectory(folder.resolve("source"));
        try (var resource = ConfigKeysTest.class.getResourceAsStream("configs.json")) {
            golden = new ObjectMapper().readTree(resource);
        }
    }

    @Test
    void everyKeyHasAFate() {
        var keys = new TreeSet<>(TRANSFORMERS_4);
        golden.get("config").fieldNames().forEachRemaining(keys::add);
        golden.get("config_diff").fieldNames().forEachRemaining(keys::add);
        for (Object[] one : CASES) {
            keys.remove(one[0]);
        }
        assertThat(ConfigKeys.GENERATION).as("the rest are settings of generation").containsAll(keys);
    }

    @Test
    void whatTransformersWritesOfAnOrdinaryModelNeedsNoNote() {
        for (String form : List.of("config", "config_diff")) {
            write(golden.get(form).deepCopy());
            assertThat(DecoderConfig.read(source).layers()).isEqualTo(2);
            assertThat(ConfigNotes.of(source)).as(form).isEmpty();
        }
        for (String fixture : List.of("orion-safetensors", "llama", "llama-v5-config", "llama-rope-llama3", "llama-gqa-tied", "llama-biases")) {
            assertThat(ConfigNotes.of(Fixtures.path(fixture))).as(fixture).isEmpty();
        }
    }

    @ParameterizedTest
    @FieldSource("CASES")
    void anotherValueThanUsualIsCarriedRefusedOrNoted(String key, String json, Fate fate) throws IOException {
        JsonNode value = new ObjectMapper().readTree(json);
        write(config(key, value));
        if (fate == Fate.REFUSED) {
            String named = key.equals("architectures") || key.equals("model_type") ? value.isArray() ? value.get(0).asText() : value.asText() : key;
            assertThatExceptionOfType(FileException.class).isThrownBy(() -> DecoderConfig.read(source)).withMessageContaining(named);
            return;
        }
        DecoderConfig config = DecoderConfig.read(source);
        List<String> notes = ConfigNotes.of(source);
        assertThat(notes).hasSize(fate == Fate.NOTED ? 1 : 0);
        if (fate == Fate.NOTED) {
            String shown = key.equals("auto_map") ? "modeling_mine.MineForCausalLM" : key.equals("dtype") ? "float64" : key;
            assertThat(notes.getFirst()).startsWith("config.json: ").contains(shown);
        } else if (fate == Fate.CARRIED) {
            config.write(folder);
            assertThat(new ObjectMapper().readTree(folder.resolve("config.json").toFile()).get(key)).isEqualTo(value);
        }
    }

    /** Which of two values counts is what transformers 5.18 makes of the same file. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '~', value = {
        "'dtype':'bfloat16','torch_dtype':'float16'; torch_dtype does not count beside dtype; torch_dtype; 'bfloat16'",
        "'rope_theta':5000.0,'rope_parameters':{'rope_type':'default','rope_theta':7.0}; "
                + "rope_theta does not count beside rope_parameters.rope_theta; rope_theta; 7.0",
        "'rope_theta':5000.0,'rope_scaling':{'type':'linear','factor':2.0,'rope_theta':7.0}; "
                + "rope_theta does not count beside rope_scaling.rope_theta; rope_theta; 7.0",
        "'rope_theta':3.0,'rope_scaling':{'type':'linear','factor':2.0},'rope_parameters':{'rope_type':'default','rope_theta':9.0}; "
                + "rope_parameters does not count beside rope_scaling; rope_theta; 3.0",
        "'dtype':'float16','torch_dtype':'float16'; ; torch_dtype; 'float16'",
        "'rope_theta':7.0,'rope_parameters':{'rope_type':'default','rope_theta':7}; ; rope_theta; 7.0",
        "'rope_theta':7.0,'rope_scaling':{},'rope_parameters':{'rope_type':'default','rope_theta':7.0}; ; rope_theta; 7.0"})
    void ofTwoValuesOneCountsAndTheOtherIsNoted(String keys, String note, String carried, String value) throws IOException {
        ObjectNode config = config("dtype", new TextNode("float32"));
        config.remove("dtype");
        new ObjectMapper().readTree("{" + keys.replace('\'', '"') + "}").properties().forEach(key -> config.set(key.getKey(), key.getValue()));
        write(config);
        List<String> notes = ConfigNotes.of(source);
        if (note == null) {
            assertThat(notes).isEmpty();
        } else {
            assertThat(notes).singleElement().asString().isEqualTo("config.json: " + note + ", which differs");
        }
        DecoderConfig.read(source).write(folder);
        assertThat(new ObjectMapper().readTree(folder.resolve("config.json").toFile()).get(carried).toString()).isEqualTo(value.replace('\'', '"'));
    }

    @Test
    void settingsOfGenerationInConfigAreCarriedWhereThereIsNoFileOfTheirOwn() throws IOException {
        for (String key : ConfigKeys.GENERATION) {
            write(config(key, new ObjectMapper().readTree("7")));
            assertThat(ConfigNotes.of(source)).as(key).isEmpty();
            DecoderConfig.read(source).writeGenerationConfig(source, folder);
            assertThat(JsonObject.read("generation", folder.resolve("generation_config.json")).integer(key)).as(key).isEqualTo(7);
            Files.writeString(source.resolve("generation_config.json"), "{\"top_k\": 3}");
            assertThat(ConfigNotes.of(source)).as(key).singleElement().asString().contains(key);
            Files.delete(source.resolve("generation_config.json"));
        }
    }

    @Test
    void everyKeyOfAGenerationConfigIsCarried() throws IOException {
        ObjectNode all = golden.get("generation").deepCopy();
        var keys = new ArrayList<String>();
        all.fieldNames().forEachRemaining(keys::add);
        assertThat(keys).hasSizeGreaterThan(60);
        keys.removeAll(List.of("transformers_version", "eos_token_id", "bos_token_id", "pad_token_id"));
        keys.forEach(key -> all.put(key, 1));
        all.put("a_key_of_tomorrow", 1);
        write(golden.get("config").deepCopy());
        Files.writeString(source.resolve("generation_config.json"), all.toString());
        DecoderConfig.read(source).writeGenerationConfig(source, folder);
        JsonNode written = new ObjectMapper().readTree(folder.resolve("generation_config.json").toFile());
        keys.add("a_key_of_tomorrow");
        assertThat(keys).allSatisfy(key -> assertThat(written.get(key)).as(key).isEqualTo(all.get(key)));
    }

    @Test
    void settingsOfGenerationThatAreNotUsedAreNamed() throws IOException {
        Files.writeString(source.resolve("generation_config.json"), """
            {"num_beams": 4, "typical_p": 1.0, "top_k": 3, "bad_words_ids": [[1]], "suppress_tokens": [], "renormalize_logits": true,
             "token_healing": false, "no_repeat_ngram_size": 2, "max_new_tokens": 5, "penalty_alpha": null}""");
        assertThat(GenerationConfig.unused(source)).containsExactly("bad_words_ids", "no_repeat_ngram_size", "num_beams");
        Files.writeString(source.resolve("generation_config.json"), golden.get("generation").toString());
        assertThat(GenerationConfig.unused(source)).isEmpty();
        Files.delete(source.resolve("generation_config.json"));
        assertThat(GenerationConfig.unused(source)).isEmpty();
    }

    @Test
    void everyKeyOfATokenizerConfigIsCarried() throws IOException {
        ObjectNode all = golden.get("tokenizer").deepCopy();
        for (String key : List.of("legacy", "use_fast", "add_prefix_space", "spaces_between_special_tokens", "is_local", "a_key_of_tomorrow")) {
            all.put(key, true);
        }
        all.putObject("sp_model_kwargs").put("enable_sampling", false);
        all.putArray("additional_special_tokens").add("<|b|>");
        all.putObject("added_tokens_decoder").putObject("2").put("content", "</s>").put("special", true);
        Files.writeString(source.resolve("tokenizer_config.json"), all.toString());
        Files.copy(Fixtures.path("tokenizer/tokenizer.model"), source.resolve("tokenizer.model"));
        TokenizerFiles.write(source, folder, 128, TokenizerFiles.Options.NONE);
        JsonNode written = new ObjectMapper().readTree(folder.resolve("tokenizer_config.json").toFile());
        var keys = new ArrayList<String>();
        all.fieldNames().forEachRemaining(keys::add);
        assertThat(keys).hasSizeGreaterThan(15);
        keys.removeAll(List.of("tokenizer_class"));
        assertThat(keys).allSatisfy(key -> assertThat(written.get(key)).as(key).isEqualTo(all.get(key)));
    }

    private ObjectNode config(String key, JsonNode value) {
        ObjectNode config = golden.get("config").deepCopy();
        // In the form of transformers 4, which is written.
        config.remove(List.of("rope_parameters", "head_dim", "dtype"));
        if (key.equals("num_attention_heads")) {
            config.remove("num_key_value_heads");
        }
        config.set(key, value);
        return config;
    }

    private void write(JsonNode config) {
        try {
            Files.writeString(source.resolve("config.json"), config.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
