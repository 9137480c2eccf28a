package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Path;
import java.util.List;
import kept.FamilyCheckpoint;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

/** The Llamas that mappings make of the families' checkpoints, against the logits of transformers for the source. */
class FamilyMappingsTest {
    private static final List<String> READABLE = FamilyCheckpoint.READABLE;
    private static final double LOGITS = 2e-5;
    private static final double DIVERGENCE = 1e-9;

    @TempDir
    private Path output;

    /** The Llama is written, read back with its config.json, and run. */
    @ParameterizedTest
    @FieldSource("READABLE")
    void exactKeepsTheFunction(String name) {
        try (var family = FamilyCheckpoint.open(name);
                var source = Checkpoint.open(family.directory())) {
            DecoderConfig config = DecoderConfig.read(family.directory());
            Mapping mapping = Mapping.exact(config);
            mapping.requireComplete();
            var conversion = new Conversion(mapping, source, DType.F32, 40_000);
            conversion.write(output, _ -> { });
            conversion.verify(output, _ -> { });
            mapping.target().write(output);
            DecoderConfig target = DecoderConfig.read(output);
            assertThat(target.architecture()).isEqualTo(Architecture.LLAMA);
            assertThat(target.toBuilder().dtype(mapping.target().dtype()).build()).isEqualTo(mapping.target());
            try (var written = Checkpoint.open(output)) {
                assertKept(family, config, target, new CheckpointWeights(written));
            }
        }
    }

    /** OLMo's norms have no biases: its Llama has no more layers, and ties its head where the source does. */
    @ParameterizedTest
    @CsvSource({"olmo, 0", "olmo-tied, 0", "olmo-biases, 0", "starcoder2, 1", "stablelm, 1", "nemotron, 1"})
    void aLayerIsAddedWhereNormsHaveBiases(String name, int added) {
        DecoderConfig config = DecoderConfig.read(FamilyCheckpoint.resource(name));
        DecoderConfig target = Mapping.exact(config).target();
        assertThat(target.layers()).isEqualTo(config.layers() + added);
        assertThat(target.tieWordEmbeddings()).isEqualTo(added == 0 && config.tieWordEmbeddings());
        assertThat(target.mlpBias()).isEqualTo(added == 1);
    }

    /** What no Llama computes is refused, and the line names the key. */
    @ParameterizedTest
    @CsvSource({"olmo-clip, clip_qkv", "stablelm-parallel, use_parallel_residual", "stablelm-qk-norms, qk_layernorm"})
    void whatNoLlamaComputesIsRefusedByName(String name, String key) {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Mapping.exact(DecoderConfig.read(FamilyCheckpoint.resource(name))))
                .withMessageContaining(key);
    }

    private static void assertKept(FamilyCheckpoint family, DecoderConfig source, DecoderConfig target, Weights weights) {
        try (Decoder llama = Decoder.create(target, weights, Device.cpu());
                var _ = Scope.open()) {
            Tensor ids = family.ids(source);
            double[] expected = family.logits(source).toDoubleArray();
            float[] logits = Autograd.withoutRecording(() -> llama.logits(ids)).toFloatArray();
            assertThat(FamilyCheckpoint.difference(logits, expected)).as("logits").isLessThan(LOGITS);
            assertThat(FamilyCheckpoint.divergence(expected, logits, source.vocabSize())).as("KL").isLessThan(DIVERGENCE);
        }
    }
}
