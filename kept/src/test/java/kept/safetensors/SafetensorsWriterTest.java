package kept.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import kept.Fixtures;
import kept.io.ByteSink;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
    @TempDir
    private Path folder;

    @Test
    void writesTheFormatByteForByte() throws IOException {
        Path path = folder.resolve("small.safetensors");
        try (var writer = SafetensorsWriter.create(path, List.of(new TensorSpec("w", DType.I32, Shape.of(1, 2))))) {
            writer.write("w", MemorySegment.ofArray(new int[] {1, -2}));
            writer.finish();
        }
        String header = "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"I32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
        int padded = (header.length() + 7) / 8 * 8;
        byte[] expected = SafetensorsBytes.of(header + " ".repeat(padded - header.length()), 8);
        expected[Long.BYTES + padded] = 1;
        expected[Long.BYTES + padded + 4] = -2;
        expected[Long.BYTES + padded + 5] = -1;
        expected[Long.BYTES + padded + 6] = -1;
        expected[Long.BYTES + padded + 7] = -1;
        assertThat(Files.readAllBytes(path)).isEqualTo(expected);
    }

    @Test
    void writesWhatItReadBitForBit() {
        for (String name : List.of("llama/model.safetensors", "orion-bf16-sharded/model-00001-of-00003.safetensors", "llama/expected.safetensors")) {
            Path copy = folder.resolve("copy.safetensors");
            try (SafetensorsFile source = SafetensorsFile.open(Fixtures.path(name))) {
                copy(source, copy, false);
                try (SafetensorsFile written = SafetensorsFile.open(copy)) {
                    assertThat(written.entries()).hasSameSizeAs(source.entries());
                    for (TensorEntry entry : source.entries()) {
                        assertThat(written.entry(entry.name()).type()).isEqualTo(entry.type());
                        assertThat(written.entry(entry.name()).shape()).isEqualTo(entry.shape());
                        assertThat(written.data(entry.name()).mismatch(source.data(entry.name()))).as(entry.name()).isEqualTo(-1);
                    }
                }
            }
        }
    }

    @Test
    void givesTheSameBytesInWhateverOrderTheValuesCome() throws IOException {
        Path forward = folder.resolve("forward");
        Path backward = folder.resolve("backward");
        try (SafetensorsFile source = SafetensorsFile.open(Fixtures.path("llama/model.safetensors"))) {
            copy(source, forward, false);
            copy(source, backward, true);
        }
        assertThat(Files.readAllBytes(backward)).isEqualTo(Files.readAllBytes(forward));
    }

    @Test
    void putsWiderElementsFirstSoThatAllAreAligned() {
        Path path = folder.resolve("mixed.safetensors");
        List<TensorSpec> specs = List.of(new TensorSpec("half", DType.BF16, Shape.of(3)), new TensorSpec("ids", DType.I64, Shape.of(1)),
            new TensorSpec("norm", DType.F32, Shape.of(1)), new TensorSpec("half2", DType.F16, Shape.of(1)));
        try (var writer = SafetensorsWriter.create(path, specs, Map.of("step", "7"))) {
            for (TensorSpec spec : specs) {
                writer.write(spec.name(), MemorySegment.ofArray(new byte[(int) spec.byteSize()]));
            }
            writer.finish();
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.entries()).extracting(TensorEntry::name).containsExactly("ids", "norm", "half", "half2");
            assertThat(file.entries()).allMatch(entry -> entry.offset() % entry.dtype().bytes() == 0);
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("step", "7"));
        }
    }

    @Test
    void writesTensorsLargerThanAChunk() {
        Path path = folder.resolve("large.safetensors");
        int[] values = new int[5_000_003];
        for (int i = 0; i < values.length; i++) {
            values[i] = i * 31;
        }
        try (var writer = SafetensorsWriter.create(path, List.of(new TensorSpec("w", DType.I32, Shape.of(values.length))))) {
            writer.write("w", MemorySegment.ofArray(values));
            writer.finish();
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.data("w").toArray(ValueLayout.JAVA_INT_UNALIGNED)).isEqualTo(values);
        }
    }

    @Test
    void partsOfATensorMakeTheWhole() {
        Path path = folder.resolve("parts.safetensors");
        var specs = List.of(new TensorSpec("v", DType.F32, Shape.of(2)), new TensorSpec("w", DType.F32, Shape.of(5)));
        try (var writer = SafetensorsWriter.create(path, specs)) {
            writer.append("w", MemorySegment.ofArray(new float[] {1, 2, 3}));
            writer.write("v", MemorySegment.ofArray(new float[] {8, 9}));
            assertThat(writer.isComplete()).isFalse();
            assertThatThrownBy(writer::finish).hasMessageContaining("'w': was declared but not written");
            assertThatThrownBy(() -> writer.append("w", MemorySegment.ofArray(new float[3]))).isInstanceOf(FileException.class)
                .hasMessageContaining("f32 [5] needs 20 bytes, got 24");
            writer.append("w", MemorySegment.ofArray(new float[] {4, 5}));
            assertThat(writer.isComplete()).isTrue();
            writer.finish();
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.data("v").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(8, 9);
            assertThat(file.data("w").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(1, 2, 3, 4, 5);
        }
    }

    @Test
    void leavesNothingBehindWhenNotFinished() throws IOException {
        Path path = Files.writeString(folder.resolve("kept.safetensors"), "as before");
        try (var writer = SafetensorsWriter.create(path, List.of(new TensorSpec("w", DType.F32, Shape.of(1))))) {
            assertThat(listing()).hasSize(2);
            assertThatThrownBy(writer::finish).isInstanceOf(FileException.class)
                .hasMessage("[safetensors] " + path + ": tensor 'w': was declared but not written");
        }
        assertThat(listing()).containsExactly("kept.safetensors");
        assertThat(path).hasContent("as before");
    }

    @Test
    void saysHowManyBytesWereNeededWhenTheDiskIsFull() throws IOException {
        Path path = folder.resolve("full.safetensors");
        List<TensorSpec> specs = List.of(new TensorSpec("w", DType.F32, Shape.of(1000)));
        var writer = SafetensorsWriter.create(path, specs, Map.of(), temporary -> fullAfter(temporary, 200));
        try (writer) {
            assertThatThrownBy(() -> writer.write("w", MemorySegment.ofArray(new float[1000]))).isInstanceOf(FileException.class)
                .hasMessageMatching("\\[safetensors\\] .*full\\.safetensors: cannot be written: No space left on device "
                    + "\\(bytes needed: 4104, free there: \\d+\\); nothing was changed");
            assertThat(listing()).isEmpty();
        }
        assertThat(listing()).isEmpty();
    }

    @Test
    void refusesWhatWasNotDeclared() {
        Path path = folder.resolve("strict.safetensors");
        TensorSpec spec = new TensorSpec("w", DType.F32, Shape.of(2, 2));
        try (var writer = SafetensorsWriter.create(path, List.of(spec))) {
            assertThatThrownBy(() -> writer.write("v", MemorySegment.ofArray(new float[4]))).isInstanceOf(FileException.class)
                .hasMessage("[safetensors] " + path + ": tensor 'v': was not declared for this file");
            assertThatThrownBy(() -> writer.write("w", MemorySegment.ofArray(new float[3]))).isInstanceOf(FileException.class)
                .hasMessage("[safetensors] " + path + ": tensor 'w' at byte 96: f32 [2, 2] needs 16 bytes, got 12");
            writer.write("w", MemorySegment.ofArray(new float[4]));
            assertThatThrownBy(() -> writer.write("w", MemorySegment.ofArray(new float[4]))).isInstanceOf(FileException.class)
                .hasMessage("[safetensors] " + path + ": tensor 'w': is written already");
        }
        assertThatThrownBy(() -> SafetensorsWriter.create(path, List.of(spec, spec))).isInstanceOf(FileException.class)
            .hasMessage("[safetensors] " + path + ": tensor 'w': the name occurs twice or is reserved");
    }

    private static void copy(SafetensorsFile source, Path target, boolean backward) {
        List<TensorSpec> specs = source.entries().stream().map(entry -> new TensorSpec(entry.name(), entry.dtype(), entry.shape())).toList();
        try (var writer = SafetensorsWriter.create(target, specs)) {
            for (TensorSpec spec : backward ? specs.reversed() : specs) {
                writer.write(spec.name(), source.data(spec.name()));
            }
            writer.finish();
        }
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private static ByteSink fullAfter(Path path, long limit) throws IOException {
        ByteSink file = ByteSink.newFile(path);
        return new ByteSink() {
            @Override
            public void write(ByteBuffer bytes, long position) throws IOException {
                if (position + bytes.remaining() > limit) {
                    throw new IOException("No space left on device");
                }
                file.write(bytes, position);
            }

            @Override
            public void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException {
                if (position + size > limit) {
                    throw new IOException("No space left on device");
                }
                file.copy(source, from, size, position, inspector);
            }

            @Override
            public void force() throws IOException {
                file.force();
            }

            @Override
            public void close() throws IOException {
                file.close();
            }
        };
    }
}
