package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.mapping.Conversion;
import kept.mapping.Mapping;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.tensor.DType;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** convert: verified, interrupted, taken up again, refused. KilledRunsTest kills it. */
class ConvertTest {
    @TempDir
    private Path directory;

    @Test
    void whatIsReadBackIsComparedWithTheSource() throws IOException {
        Path source = TinyTeacher.write(directory.resolve("orion"));
        for (String[] form : new String[][] {{"f32", "copied"}, {"bf16", "converted"}}) {
            Path output = directory.resolve(form[1]);
            ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--dtype", form[0], "--max-shard-size", 3000,
                    "--verify");
            assertThat(run.code()).as(run.err()).isZero();
            try (var written = Checkpoint.open(output)) {
                long bytes = written.names().stream().map(written::entry).mapToLong(TensorEntry::byteSize).sum();
                assertThat(run.out()).contains("verified: %d tensors, %,d bytes, all as the mapping computes them from the source"
                        .formatted(written.names().size(), bytes));
            }
        }
    }

    @Test
    void whereTheMappingIsLeftOpenALineForEachSaysWhatItLoses() throws IOException {
        Path source = TinyTeacher.write(directory.resolve("orion"));
        for (String[] more : new String[][] {{"--output", directory.resolve("llama").toString()}, {"--plan"}}) {
            ProgramRun run = ProgramRun.of(Stream.concat(Stream.of("convert", "--model", source), Stream.of(more)).toArray());
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(run.errorLines()).containsExactly(
                    "note: opm, the default mapping, loses the norms' biases and the subtraction of the mean, most of which distill recovers",
                    "note: --mapping exact gives a Llama of 3 layers, one more than the source, with biases in attention and MLP, and loses "
                            + "rounding, and shares of the logits that are below rounding for trained models (docs/families.md)",
                    "note: --mapping calibrated gives a Llama of 2 layers, and loses little, measured on text (--calibration)");
        }
        ProgramRun chosen = ProgramRun.of("convert", "--model", source, "--output", directory.resolve("chosen"), "--mapping", "opm");
        assertThat(chosen.err()).isEmpty();
        assertThat(directory.resolve("chosen/model.safetensors")).hasSameBinaryContentAs(directory.resolve("llama/model.safetensors"));
        ProgramRun failed = ProgramRun.of("convert", "--model", directory.resolve("none"), "--output", directory.resolve("nothing"));
        assertThat(failed.errorLines()).hasSize(1);
    }

    @Test
    void theExactMappingIsWrittenComparedShownAndExported() throws IOException {
        Path source = TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        for (String dtype : List.of("f32", "bf16", "f16")) {
            Path output = directory.resolve(dtype);
            ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "exact", "--dtype", dtype,
                    "--max-shard-size", 3000, "--verify");
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(run.out()).contains("verified: 51 tensors", "51 tensors mapped (exact), 0 dropped",
                    "form: a Llama of 3 layers, one more than the source, with biases in attention and MLP",
                    "engines: transformers, vLLM, llama.cpp; not SGLang, which ignores mlp_bias");
            assertThat(ProgramRun.of("info", output).out()).contains("layers            3", "norm epsilon      0.000000000152587890625");
            ProgramRun export = ProgramRun.of("export", "--model", output, "--output", directory.resolve(dtype + ".gguf"), "--type", "f16");
            assertThat(export.code()).as(export.err()).isZero();
        }
        ProgramRun generated = ProgramRun.of("generate", "--model", directory.resolve("f32"), "--prompt", "Line", "--max-tokens", 8,
                "--temperature", 0);
        ProgramRun expected = ProgramRun.of("generate", "--model", source, "--prompt", "Line", "--max-tokens", 8, "--temperature", 0);
        assertThat(generated.code()).as(generated.err()).isZero();
        assertThat(generated.out()).isEqualTo(expected.out());
        ProgramRun verified = ProgramRun.of("verify", "--teacher", source, "--student", directory.resolve("f32"), "--held-out", "text=" + text);
        assertThat(verified.code()).as(verified.err()).isZero();
        ProgramRun distilled = ProgramRun.of("distill", "--teacher", source, "--corpus", text, "--mapping", "exact", "--tokens", 256,
                "--batch-size", 1, "--sequence-length", 32, "--evaluation-tokens", 64, "--output", directory.resolve("distilled"));
        assertThat(distilled.code()).as(distilled.err()).isZero();
        assertThat(ProgramRun.of("info", directory.resolve("distilled")).out()).contains("layers            3");
    }

    @Test
    void valuesOfGenerationThatAreOfAWrongTypeAreSaid() throws IOException {
        Path source = TinyTeacher.write(directory.resolve("orion"));
        String settings = "{\"temperature\": \"hot\", \"top_k\": 1.5, \"num_beams\": [4], \"do_sample\": 1, \"eos_token_id\": {}, \"top_p\": null}";
        Files.writeString(source.resolve("generation_config.json"), settings);
        Path output = directory.resolve("output");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.errorLines()).filteredOn(line -> line.startsWith("note: generation_config.json of the output")).singleElement().asString()
                .contains("temperature", "top_k", "num_beams", "do_sample", "eos_token_id").doesNotContain("top_p");
        assertThat(ProgramRun.of("generate", "--model", output, "--prompt", "The", "--max-tokens", 1).err())
                .contains("generation_config.json", "do_sample");
        Files.writeString(source.resolve("generation_config.json"), "{\"do_sample\": true, \"temperature\": -1.0}");
        ProgramRun range = ProgramRun.of("convert", "--model", source, "--output", output, "--overwrite");
        assertThat(range.errorLines()).filteredOn(line -> line.startsWith("note: generation_config.json of the output")).singleElement().asString()
                .contains("temperature");
        Files.writeString(source.resolve("generation_config.json"), "{\"do_sample\": true, \"temperature\": 0.5}");
        assertThat(ProgramRun.of("convert", "--model", source, "--output", output, "--overwrite").err()).doesNotContain("generation_config");
    }

    @Test
    void aDamagedByteIsFoundAndNamed() throws IOException {
        Path source = TinyTeacher.write(directory.resolve("orion"));
        Mapping mapping = Mapping.opm(DecoderConfig.read(source));
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
            Path output = Files.createDirectory(directory.resolve(dtype.label()));
            try (var checkpoint = Checkpoint.open(source)) {
                var conversion = new Conversion(mapping, checkpoint, dtype, 3000);
                conversion.write(output, bytes -> {});
                conversion.verify(output, bytes -> {});
                TensorEntry victim;
                try (var written = Checkpoint.open(output)) {
                    victim = written.entry("model.layers.1.mlp.up_proj.weight");
                }
                flip(victim.file(), victim.offset() + 77);
                assertThatExceptionOfType(FileException.class).isThrownBy(() -> conversion.verify(output, bytes -> {}))
                        .withMessageStartingWith("[verify] %s: tensor 'model.layers.1.mlp.up_proj.weight' at byte %d: differs from "
                                .formatted(victim.file(), victim.offset() + 77));
            }
        }
    }

    @Test
    void anEndSignalKeepsTheFinishedFilesAndSaysHowToGoOn() throws IOException {
        Path source = directory.resolve("orion");
        assertThat(ProgramRun.of("pretrain", "--random", "--tokenizer", Fixtures.path("tokenizer"), "--hidden-size", 16, "--heads", 2,
                "--layers", 100, "--intermediate-size", 16, "--dtype", "f32", "--output", source).code()).isZero();
        Path output = directory.resolve("llama");
        Path errors = directory.resolve("errors.log");
        try (var run = ChildProgram.start(errors, conversion(source, output))) {
            while (run.isAlive() && finished(output) < 3) {
                Thread.onSpinWait();
            }
            ProgramRun second = ProgramRun.of(conversion(source, output, "--overwrite"));
            assertThat(second.errorLines()).as("two at a time").containsExactly(
                    "kept: [output] " + output + ": another run is writing this output; wait for it, or choose another output");
            run.terminate();
            assertThat(run.join()).as("128 + SIGTERM: " + run.notes()).isEqualTo(143);
            assertThat(run.notes().lines().filter(line -> !line.isBlank() && !line.startsWith("WARNING") && !isProgress(line)))
                    .singleElement().asString().isEqualTo(
                            "stopped; the finished weight files are in %s.partial; the same command with --resume continues from there", output);
        }
        assertThat(output).doesNotExist();
        assertThat(directory).isDirectoryNotContaining("glob:**.lock");
        try (Stream<Path> files = Files.list(directory.resolve("llama.partial/files"))) {
            assertThat(files).as("nothing half-written").noneMatch(file -> file.getFileName().toString().startsWith("."));
        }

        ProgramRun plain = ProgramRun.of(conversion(source, output));
        assertThat(plain.code()).isEqualTo(1);
        assertThat(plain.errorLines()).singleElement().asString().contains("llama.partial", "unfinished", "--resume", "--overwrite");
        ProgramRun other = ProgramRun.of(conversion(source, output, "--resume", "--dtype", "bf16"));
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.errorLines()).singleElement().asString().contains("dtype was as the source, is bf16");

        Files.setLastModifiedTime(source.resolve("model.safetensors"), FileTime.fromMillis(0));

        ProgramRun resumed = ProgramRun.of(conversion(source, output, "--resume", "--verify"));
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.errorLines().stream().filter(line -> !isProgress(line))).singleElement().asString()
                .startsWith("resuming: ").endsWith(" finished before");
        assertThat(directory).isDirectoryNotContaining("glob:**.{partial,lock}");
    }

    @Test
    void aDiskThatIsTooSmallIsToldBeforeAnythingIsWritten() throws IOException {
        long free = Files.getFileStore(directory).getUsableSpace();
        Path source = largeOrion(free + (1L << 30));
        Path output = directory.resolve("llama");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [output] " + output + ": needs ")
                .containsPattern(" bytes, but only [0-9,]+ are free there");
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).containsExactly(source);
        }
    }

    /** What a slow disk makes a run tell every ten seconds. */
    private static boolean isProgress(String line) {
        return line.startsWith("convert: ") || line.startsWith("compare: ") || line.startsWith("verify: ");
    }

    private static Object[] conversion(Path source, Path output, Object... more) {
        Object[] basis = {"convert", "--model", source, "--output", output, "--max-shard-size", 1, "--mapping", "opm"};
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private static int finished(Path output) {
        try (Stream<Path> files = Files.list(output.resolveSibling(output.getFileName() + ".partial").resolve("files"))) {
            return (int) files.filter(file -> file.getFileName().toString().startsWith("model-")).count();
        } catch (IOException e) {
            return 0;
        }
    }

    /** An Orion of zeros that occupy no disk: a file with holes. */
    private Path largeOrion(long bytes) throws IOException {
        Path source = Files.createDirectory(directory.resolve("orion"));
        int width = 4096;
        DecoderConfig config = DecoderConfig.builder(Architecture.ORION).vocabSize((int) (bytes / 2 / Float.BYTES / width)).hiddenSize(width)
                .intermediateSize(16).layers(1).heads(64).keyValueHeads(1).headDimension(64).maxPositions(64).dtype(DType.F32).build();
        config.write(source);
        Files.copy(Fixtures.path("tokenizer/tokenizer.model"), source.resolve("tokenizer.model"));
        var header = new StringBuilder("{");
        long offset = 0;
        for (ModelTensor tensor : ModelTensor.of(config)) {
            long end = offset + tensor.shape().elementCount() * Float.BYTES;
            header.append(String.format(Locale.ROOT, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}", offset == 0 ? "" : ",",
                    tensor.name(), tensor.shape(), offset, end));
            offset = end;
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        try (FileChannel file = FileChannel.open(source.resolve("model.safetensors"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(Long.BYTES + json.length).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json).flip());
            file.write(ByteBuffer.allocate(1), Long.BYTES + json.length + offset - 1);
        }
        return source;
    }

    private static void flip(Path file, long position) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, position);
            channel.write(one.put(0, (byte) (one.get(0) ^ 1)).flip(), position);
        }
    }
}
