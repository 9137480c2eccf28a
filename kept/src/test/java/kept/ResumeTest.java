package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Device;
import kept.training.BestState;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run that goes on accepts as the same, and what it refuses: inputs, state files, vectors, settings. */
class ResumeTest extends DistillationProgramTest {
    private static final int STEPS = 4;
    /** What was read of the text that is learnt from and of the one that is evaluated on. */
    private static final int TEXTS = 2;

    private Path training;

    @BeforeEach
    void prepare() {
        training = directory.resolve("llama.training");
    }

    @Test
    void aRunThatHasEndedIsNotToldToBeginAgain() {
        assertThat(distill("--resume").errorLines()).last().asString().contains("there is no saved state", "start the run without --resume");
        assertThat(distill().code()).isZero();
        ProgramRun again = distill("--resume");
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.errorLines()).last().asString().contains("there is no saved state", "has ended").doesNotContain("start the run");
        assertThat(output).isNotEmptyDirectory();
    }

    @Test
    void aCorpusIsKnownByItsTextWhereverItLies() throws IOException {
        byte[] undisturbed = undisturbed();
        Path held = Files.copy(tiny.text(), directory.resolve("held.txt"));
        Path moved = Files.createDirectories(directory.resolve("elsewhere")).resolve("renamed.txt");
        Path link = directory.resolve("link.txt");
        Path packed = directory.resolve("text.txt.gz");
        Files.copy(tiny.text(), moved);
        Files.createSymbolicLink(link, moved);
        try (OutputStream gz = new GZIPOutputStream(Files.newOutputStream(packed))) {
            Files.copy(tiny.text(), gz);
        }
        for (Path same : List.of(moved, link, packed, moved.getParent(), tiny.text().getParent().resolve("elsewhere/../text.txt"))) {
            stop();
            Files.setLastModifiedTime(tiny.text(), FileTime.fromMillis(same.hashCode()));
            ProgramRun resumed = distill(tiny.teacher(), same, held, "--resume");
            assertThat(resumed.code()).as("%s: %s", same, resumed.err()).isZero();
            assertThat(output.resolve("model.safetensors")).as(same.toString()).hasBinaryContent(undisturbed);
        }
    }

    @Test
    void aCorpusOfOtherTextIsAnotherOneThoughSizeAndTimeAreTheSame() throws IOException {
        stop();
        FileTime time = Files.getLastModifiedTime(tiny.text());
        Path original = Files.copy(tiny.text(), directory.resolve("original"));
        Files.writeString(tiny.text(), Files.readString(tiny.text()).replace("149", "941"));
        Files.setLastModifiedTime(tiny.text(), time);
        assertThat(Files.size(tiny.text())).isEqualTo(Files.size(original));
        ProgramRun refused = distill("--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().startsWith("kept: [resume] ").contains("other content: corpus was ", "checksum ", ", is ");
        Path held = Files.writeString(directory.resolve("held.txt"), Files.readString(original).replace("square", "sqUare"));
        Files.copy(original, tiny.text(), StandardCopyOption.REPLACE_EXISTING);
        assertThat(distill(tiny.teacher(), tiny.text(), held, "--resume").errorLines()).last().asString().contains("held-out text held-out was ");
    }

    @Test
    void theOrderOfFilesThatAreLearntFromMatters() throws IOException {
        Path first = Files.writeString(directory.resolve("first.txt"), Files.readString(tiny.text()));
        Path second = Files.writeString(directory.resolve("second.txt"), Files.readString(tiny.text()).replace("square", "root"));
        assertThat(pretrain(List.of(first, second), "--stop-after", 2).code()).isEqualTo(130);
        ProgramRun refused = pretrain(List.of(second, first), "--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains("corpus 1 was ", "corpus 2 was ");
        Path moved = Files.move(first, directory.resolve("moved.txt"));
        ProgramRun resumed = pretrain(List.of(moved, second), "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
    }

    @Test
    void aTeacherIsKnownByItsTensors() throws IOException {
        byte[] undisturbed = undisturbed();
        stop();
        Path copy = copy(tiny.teacher(), directory.resolve("copied-orion"));
        TensorEntry victim = entry(copy, "model.layers.1.mlp.up_proj.weight");
        flip(victim.file(), victim.offset() + 5);
        ProgramRun refused = distill(copy, tiny.text(), tiny.text(), "--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString()
                .contains("other content: teacher's tensor model.layers.1.mlp.up_proj.weight was f32 ", ", is f32 ");
        flip(victim.file(), victim.offset() + 5);
        ProgramRun resumed = distill(copy, tiny.text(), tiny.text(), "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(undisturbed);
    }

    @ParameterizedTest
    @ValueSource(strings = {"state.safetensors", "best.safetensors"})
    void aDamagedStateIsNamedAndNotUsed(String name) throws IOException {
        stop("--evaluate-every", 1);
        Path file = training.resolve(name);
        byte[] bytes = Files.readAllBytes(file);
        for (int part = 0; part < 6; part++) {
            Files.write(file, bytes);
            flip(file, part * (bytes.length - 1L) / 5);
            assertRefused(file);
        }
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        assertRefused(file);
        Files.write(file, new byte[0]);
        assertRefused(file);
        Files.write(file, bytes);
        ProgramRun resumed = distill("--resume", "--evaluate-every", 1);
        assertThat(resumed.code()).as(resumed.err()).isZero();
    }

    private void assertRefused(Path file) {
        ProgramRun refused = distill("--resume", "--evaluate-every", 1);
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains(file.toString(), "start over with --overwrite");
        assertThat(refused.err()).doesNotContain("\tat ", "unexpected");
        assertThat(output).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"state.safetensors", "best.safetensors"})
    void anEmptyStateIsNothingToDownload(String file) throws IOException {
        stop("--evaluate-every", 1);
        Files.write(training.resolve(file), new byte[0]);
        assertThat(distill("--resume", "--evaluate-every", 1).errorLines()).last().asString()
                .contains(file + " is empty (0 bytes); the run cannot resume from it: start over with --overwrite").doesNotContain("download");
    }

    @Test
    void partsOfASettingAreToldByThemselves() {
        stop();
        assertThat(distill("--resume", "--learning-rate", 0.5).errorLines()).last().asString().contains("learning rate, peak was ", ", is 0.5")
                .doesNotContain("[peak");
    }

    @Test
    void aBestStateOfALaterStepIsNotForOtherBits() throws IOException {
        stop("--evaluate-every", 1);
        Path best = training.resolve("best.safetensors");
        long step;
        try (var saved = SafetensorsFile.open(best)) {
            step = Long.parseLong(saved.metadata().get("kept.step"));
        }
        assertThatCode(() -> BestState.requireOfStep(best, step)).doesNotThrowAnyException();
        assertThatCode(() -> BestState.requireOfStep(best, 0)).doesNotThrowAnyException();
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> BestState.requireOfStep(best, step - 1 == 0 ? 9 : step - 1))
                .withMessageContaining("continue without --allow-other-bits where the run was begun, or start over with --overwrite");
    }

    @Test
    void aMissingBestStateIsNamed() throws IOException {
        stop("--evaluate-every", 1);
        Files.delete(training.resolve("best.safetensors"));
        assertThat(distill("--resume", "--evaluate-every", 1).errorLines()).last().asString().contains("best.safetensors", "is missing");
    }

    @Test
    void metricsThatAreLostAreWrittenAgainFromTheState() throws IOException {
        byte[] undisturbed = undisturbed();
        Path metrics = training.resolve("metrics.jsonl");
        for (String content : List.of("missing", "", "{\"step\":1,\"st", "{\"step\":1,\"seconds\":2} {}\n",
                "nonsense\n\u0000\n[]\n7\n", "{\"step\":\"x\",\"seconds\":null}\n")) {
            stop();
            if (content.equals("missing")) {
                Files.delete(metrics);
            } else {
                Files.writeString(metrics, content);
            }
            ProgramRun resumed = distill("--resume");
            assertThat(resumed.code()).as(content + resumed.err()).isZero();
            assertThat(resumed.err()).as(content).contains("metrics.jsonl is missing, short or damaged: how long 2 of 2 steps took is lost");
            assertThat(output.resolve("model.safetensors")).as(content).hasBinaryContent(undisturbed);
            assertThat(Files.readAllLines(output.resolve("metrics.jsonl"))).as(content).hasSize(TEXTS + 2 * STEPS + 1)
                    .allMatch(line -> line.startsWith("{\"step\":") && line.endsWith("}"));
            assertThat(TinyDistillation.report(output).at("/steps/loss")).as(content).hasSize(STEPS);
        }
    }

    @Test
    void metricsLostAtTheEndOfARunCostNothingElse() throws IOException {
        byte[] undisturbed = undisturbed();
        assertThat(distill("--stop-after", STEPS, "--overwrite").code()).isEqualTo(130);
        Files.delete(training.resolve("metrics.jsonl"));
        ProgramRun resumed = distill("--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(undisturbed);
    }

    @Test
    void whatShapesNothingMayBeChanged() throws IOException {
        byte[] undisturbed = undisturbed();
        stop();
        ProgramRun resumed = distill("--resume", "--threads", 1, "--save-every", 3, "--checkpoint-activations", "--max-shard-size", "9GB",
                "--held-out", "more=" + tiny.text());
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasBinaryContent(undisturbed);
    }

    @Test
    void whatTheBestStateIsChosenByMayNot() {
        stop();
        assertThat(distill("--resume", "--dtype", "bf16").errorLines()).last().asString().contains("other settings: judged as was f32, is bf16");
    }

    @Test
    void vectorsOfAnotherWidthAreRefusedUnlessAllowed() {
        stop();
        String here = Device.cpu().backend().arithmetic();
        Path errors = directory.resolve("errors.log");
        try (var run = ChildProgram.startWith("-XX:MaxVectorSize=16", errors, arguments("--resume"))) {
            assertThat(run.join()).isEqualTo(1);
            assertThat(run.notes()).contains("state.safetensors was computed on " + here + ", here it is cpu, vectors of 128 bits",
                    "--allow-other-bits",
                    "KEPT_JAVA_OPTIONS=-XX:MaxVectorSize=");
        }
        try (var run = ChildProgram.startWith("-XX:MaxVectorSize=16", errors, arguments("--resume", "--allow-other-bits"))) {
            assertThat(run.join()).as(run.notes()).isZero();
            assertThat(run.notes()).contains("--allow-other-bits: ", "other bits than an uninterrupted run's");
        }
        assertThat(TinyDistillation.report(output).at("/provenance/resumed")).singleElement().asString()
                .contains("computed on cpu, vectors of 128 bits, no longer on " + here);
    }

    @Test
    void aConversionGoesOnFromACopyOfItsSourceAndFromNothingElse() throws IOException {
        Path source = tiny.teacher();
        assertThat(convert(source, directory.resolve("whole")).code()).isZero();
        leaveConversion(source);
        Path copy = copy(source, directory.resolve("copy"));
        TensorEntry victim = entry(copy, "model.layers.0.self_attn.q_proj.weight");
        FileTime time = Files.getLastModifiedTime(victim.file());
        flip(victim.file(), victim.offset() + victim.byteSize() - 1);
        Files.setLastModifiedTime(victim.file(), time);
        ProgramRun refused = convert(copy, output, "--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains("the source's tensor model.layers.0.self_attn.q_proj.weight was ", ", is ");
        flip(victim.file(), victim.offset() + victim.byteSize() - 1);

        Path finished = directory.resolve("llama.partial/files/model-00002-of-00021.safetensors");
        flip(finished, Files.size(finished) - 1);
        ProgramRun damaged = convert(copy, output, "--resume");
        assertThat(damaged.code()).isEqualTo(1);
        assertThat(damaged.errorLines()).last().asString().contains("[resume] " + finished + ": tensor '", "is damaged", "--overwrite");
        flip(finished, Files.size(finished) - 1);

        ProgramRun resumed = convert(copy, output, "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.err()).contains("resuming: 20 weight files finished before");
        try (Stream<Path> files = Files.list(output)) {
            // The card names the source as the last run was given it.
            for (Path file : files.filter(file -> !file.endsWith("README.md")).toList()) {
                assertThat(file).hasSameBinaryContentAs(directory.resolve("whole").resolve(file.getFileName()));
            }
        }
    }

    /** As a kill leaves it: all but the last weight file finished. */
    private void leaveConversion(Path source) throws IOException {
        try (var child = ChildProgram.start(directory.resolve("errors.log"), conversion(source, output))) {
            while (child.isAlive() && !Files.exists(directory.resolve("llama.partial/journal.json"))) {
                Thread.onSpinWait();
            }
            child.kill();
        }
        Path partial = directory.resolve("llama.partial");
        assertThat(partial.resolve("journal.json")).as("killed in time").exists();
        Files.createDirectories(partial.resolve("files"));
        try (Stream<Path> files = Files.list(directory.resolve("whole"))) {
            for (Path file : files.filter(file -> file.getFileName().toString().matches("model-.*safetensors")).toList()) {
                if (!file.getFileName().toString().startsWith("model-00021")) {
                    Files.copy(file, partial.resolve("files").resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static ProgramRun convert(Path source, Path output, Object... more) {
        return ProgramRun.of(conversion(source, output, more));
    }

    private static Object[] conversion(Path source, Path output, Object... more) {
        Object[] basis = {"convert", "--model", source, "--output", output, "--max-shard-size", 1};
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private byte[] undisturbed() throws IOException {
        ProgramRun run = distill();
        assertThat(run.code()).as(run.err()).isZero();
        byte[] bytes = Files.readAllBytes(output.resolve("model.safetensors"));
        assertThat(distill("--overwrite", "--stop-after", 1).code()).isEqualTo(130);
        ProgramRun again = distill("--resume");
        assertThat(again.code()).as(again.err()).isZero();
        return bytes;
    }

    private void stop(Object... more) {
        ProgramRun run = distill(Stream.concat(Stream.of("--stop-after", 2, "--overwrite"), Stream.of(more)).toArray());
        assertThat(run.code()).as(run.err()).isEqualTo(130);
    }

    private ProgramRun distill(Object... more) {
        return distill(tiny.teacher(), tiny.text(), tiny.text(), more);
    }

    private ProgramRun distill(Path teacher, Path corpus, Path heldOut, Object... more) {
        return ProgramRun.of(arguments(teacher, corpus, heldOut, more));
    }

    private Object[] arguments(Object... more) {
        return arguments(tiny.teacher(), tiny.text(), tiny.text(), more);
    }

    private Object[] arguments(Path teacher, Path corpus, Path heldOut, Object... more) {
        Object[] basis = {"distill", "--teacher", teacher, "--corpus", corpus, "--held-out", "held-out=" + heldOut, "--evaluation-tokens", 128,
            "--output", output, "--sequence-length", 16, "--batch-size", 4, "--tokens", STEPS * TinyDistillation.TOKENS_PER_STEP};
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private ProgramRun pretrain(List<Path> texts, Object... more) {
        Object[] basis = {"pretrain", "--tokenizer", tiny.teacher(), "--output", output, "--hidden-size", 16, "--layers", 1, "--heads", 2,
            "--intermediate-size", 24, "--positions", 64, "--sequence-length", 16, "--batch-size", 4, "--tokens",
            STEPS * TinyDistillation.TOKENS_PER_STEP, "--corpus"};
        return ProgramRun.of(Stream.of(basis, texts.toArray(), more).flatMap(Stream::of).toArray());
    }

    private static Path copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
        return to;
    }

    private static TensorEntry entry(Path directory, String tensor) {
        try (var checkpoint = Checkpoint.open(directory)) {
            return checkpoint.entry(tensor);
        }
    }

    private static void flip(Path file, long position) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, position);
            channel.write(one.put(0, (byte) (one.get(0) ^ 1)).flip(), position);
        }
    }
}
