package kept.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import kept.Fixtures;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.StoredType;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
    @TempDir
    private Path folder;

    @Test
    void readsTheValuesThatPythonWrote() {
        try (SafetensorsFile file = SafetensorsFile.open(Fixtures.path("orion-safetensors/model.safetensors"))) {
            assertThat(file.entries()).hasSize(26);
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"));

            TensorEntry bias = file.entry("model.norm.bias");
            assertThat(bias.dtype()).isEqualTo(DType.F32);
            assertThat(bias.shape()).isEqualTo(Shape.of(32));
            MemorySegment values = file.data("model.norm.bias");
            assertThat(values.byteSize()).isEqualTo(128);
            assertThat(floatAt(values, 0)).isEqualTo(0.16594892740249634f);
            assertThat(floatAt(values, 31)).isEqualTo(0.004229349084198475f);

            assertThat(file.entry("model.layers.1.mlp.up_proj.weight").shape()).isEqualTo(Shape.of(80, 32));
            MemorySegment up = file.data("model.layers.1.mlp.up_proj.weight");
            assertThat(floatAt(up, 1)).isEqualTo(-0.05758780613541603f);
            double sum = 0;
            for (long i = 0; i < 80 * 32; i++) {
                sum += floatAt(up, i);
            }
            assertThat(sum).isCloseTo(1.8841990613036614, within(1e-12));
        }
    }

    @Test
    void readsHalfPrecisionAndIntegers() {
        try (SafetensorsFile file = SafetensorsFile.open(Fixtures.path("orion-bf16-sharded/model-00002-of-00003.safetensors"))) {
            assertThat(file.entry("model.layers.0.input_layernorm.bias").dtype()).isEqualTo(DType.BF16);
            short bits = file.data("model.layers.0.input_layernorm.bias").get(ValueLayout.JAVA_SHORT_UNALIGNED, 2);
            assertThat(Float.intBitsToFloat(bits << 16)).isEqualTo(0.05322265625f);
        }
        try (SafetensorsFile file = SafetensorsFile.open(Fixtures.path("llama/expected.safetensors"))) {
            assertThat(file.entry("input_ids").dtype()).isEqualTo(DType.I64);
            assertThat(file.data("input_ids").get(ValueLayout.JAVA_LONG_UNALIGNED, 16)).isEqualTo(33);
            assertThat(file.entry("logits").shape()).isEqualTo(Shape.of(2, 21, 160));
        }
    }

    @Test
    void listsTensorsInTheOrderOfTheirData() {
        Path path = SafetensorsBytes.write(folder.resolve("order.safetensors"), SafetensorsBytes.of("""
            {"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"none":{"dtype":"F32","shape":[3,0],"data_offsets":[4,4]},\
            "a":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}  \s""", 8));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.entries()).extracting(TensorEntry::name).containsExactly("a", "none", "b");
            assertThat(file.entry("a").shape()).isEqualTo(Shape.of());
            assertThat(file.data("none").byteSize()).isZero();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @Test
    void namesTheTypeOnlyWhenATensorCannotBeReadAsIt() {
        Path path = SafetensorsBytes.write(folder.resolve("types.safetensors"), SafetensorsBytes.of("""
            {"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"w":{"dtype":"F64","shape":[1],"data_offsets":[3,11]}}""", 11));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.entry("mask").type()).isEqualTo(StoredType.BOOL);
            assertThat(file.entry("w").type()).isEqualTo(StoredType.F64);
            assertThatThrownBy(() -> file.entry("mask").dtype()).isInstanceOf(FileException.class).hasMessage("[checkpoint] " + path
                + ": tensor 'mask' at byte 120: elements are of type BOOL, which cannot be read as a tensor;"
                + " readable are F32, BF16, F16, I32, I64, and F64 rounded to F32");
        }
    }

    @Test
    void givesReadOnlyViewsThatEndWithTheFile() {
        SafetensorsFile file = SafetensorsFile.open(Fixtures.path("llama/model.safetensors"));
        MemorySegment norm = file.data("model.norm.weight");
        assertThat(norm.isReadOnly()).isTrue();
        file.close();
        file.close();
        assertThatIllegalStateException().isThrownBy(() -> norm.get(ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void saysWhichTensorIsNotThere() {
        Path path = Fixtures.path("llama/model.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThatThrownBy(() -> file.data("model.norm.bias")).isInstanceOf(FileException.class)
                .hasMessage("[safetensors] " + path + ": tensor 'model.norm.bias': there is no such tensor among the 21 of this file");
        }
    }

    private static float floatAt(MemorySegment values, long index) {
        return values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, index * Float.BYTES);
    }
}
