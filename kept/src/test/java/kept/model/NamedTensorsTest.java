package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NamedTensorsTest {
    @TempDir
    private Path directory;

    @Test
    void whatIsSavedIsLoaded() {
        Path file = directory.resolve("tensors.safetensors");
        SequencedMap<String, Tensor> saved = new LinkedHashMap<>();
        try (var _ = Scope.open()) {
            for (DType dtype : DType.values()) {
                saved.put("all/" + dtype, Tensor.normal(1, dtype.ordinal(), 3, 5).mul(9).cast(dtype).transpose(0, 1));
            }
            saved.put("exact", Tensor.of(new double[] {Math.PI, Math.nextUp(1.0), 1e300, Double.MIN_VALUE}));
            saved.put("scalar", Tensor.scalar(-1.5, DType.F32));
            saved.put("empty", Tensor.zeros(0, 3));
            saved.put("recorded", Tensor.ones(2).requireGradient().mul(3));
            NamedTensors.save(file, saved);
            SequencedMap<String, Tensor> loaded = NamedTensors.load(file);
            assertThat(loaded.keySet()).containsExactlyInAnyOrderElementsOf(saved.keySet());
            saved.forEach((name, tensor) -> {
                assertThat(loaded.get(name).dtype()).as(name).isEqualTo(tensor.dtype());
                assertThat(loaded.get(name).shape()).as(name).isEqualTo(tensor.shape());
                assertThat(loaded.get(name).toDoubleArray()).as(name).isEqualTo(tensor.detach().toDoubleArray());
            });
            NamedTensors.save(file, Map.of("other", Tensor.ones(1)));
            assertThat(NamedTensors.load(file)).containsOnlyKeys("other");
        }
    }

    /** The bytes that {@code safetensors.torch.save_file} 0.8 writes for {@code {"x": torch.tensor([[1.5, -2]])}}. */
    @Test
    void aFileOfPyTorchIsLoaded() throws IOException {
        Path file = directory.resolve("pytorch.safetensors");
        String header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 8).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII)).putFloat(1.5f).putFloat(-2);
        Files.write(file, bytes.array());
        try (var _ = Scope.open()) {
            Tensor x = NamedTensors.load(file).get("x");
            assertThat(x.shape()).isEqualTo(Shape.of(1, 2));
            assertThat(x.toFloatArray()).containsExactly(1.5f, -2);
        }
    }

    /** A file that {@code make_types.py} beside it has written with {@code safetensors.torch.save_file}. */
    @Test
    void pyTorchsDoublesBytesAndTruthValuesAreLoadedAsTheyAre() throws IOException {
        Path file = directory.resolve("types.safetensors");
        try (var bytes = NamedTensorsTest.class.getResourceAsStream("types.safetensors"); var _ = Scope.open()) {
            Files.copy(bytes, file);
            SequencedMap<String, Tensor> loaded = NamedTensors.load(file);
            assertThat(loaded.get("f64").dtype()).isEqualTo(DType.F64);
            assertThat(loaded.get("f64").toDoubleArray()).containsExactly(Math.PI, -1e300, Double.MIN_VALUE, Double.POSITIVE_INFINITY, Double.NaN);
            assertThat(loaded.get("u8").dtype()).isEqualTo(DType.U8);
            assertThat(loaded.get("u8").toLongArray()).containsExactly(0, 1, 127, 128, 255, 7);
            assertThat(loaded.get("u8").shape()).isEqualTo(Shape.of(2, 3));
            assertThat(loaded.get("bool").dtype()).isEqualTo(DType.BOOL);
            assertThat(loaded.get("bool").toBooleanArray()).containsExactly(true, false, true);
            Path again = directory.resolve("again.safetensors");
            NamedTensors.save(again, loaded);
            SequencedMap<String, Tensor> reloaded = NamedTensors.load(again);
            assertThat(reloaded.get("f64").toDoubleArray()).isEqualTo(loaded.get("f64").toDoubleArray());
        }
    }

    /** A byte of a truth value that is neither 0 nor 1 is true, and counts once. */
    @Test
    void truthValuesAreNormalised() throws IOException {
        Path file = directory.resolve("bool.safetensors");
        String header = "{\"x\":{\"dtype\":\"BOOL\",\"shape\":[4],\"data_offsets\":[0,4]}}";
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII)).put(new byte[] {0, 1, 2, -1});
        Files.write(file, bytes.array());
        try (var _ = Scope.open()) {
            assertThat(NamedTensors.load(file).get("x").sum().toLongArray()).containsExactly(3);
        }
    }

    @Test
    void whatIsNoFileOfTensorsIsSaid() throws IOException {
        Path file = Files.writeString(directory.resolve("text.safetensors"), "no tensors");
        try (var _ = Scope.open()) {
            assertThatThrownBy(() -> NamedTensors.load(file)).isInstanceOf(FileException.class).hasMessageContaining("text.safetensors");
            assertThatThrownBy(() -> NamedTensors.load(directory.resolve("none"))).isInstanceOf(FileException.class)
                    .hasMessageContaining("none");
            assertThatThrownBy(() -> NamedTensors.save(directory.resolve("a/b/c"), Map.of("x", Tensor.ones(1))))
                    .isInstanceOf(FileException.class);
        }
    }
}
