package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.run.DistillationRun;
import kept.run.MappingChoice;
import kept.run.ModelWriter;
import kept.run.TrainingSettings;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.ParameterSelection;
import org.junit.jupiter.api.Test;

/** distill --student: training goes on from a Llama instead of a mapping. */
class GivenStudentTest extends DistillationProgramTest {
    private static final int STEPS = 4;

    @Test
    void anOutputIsWhereTheNextRunBegins() {
        Path first = mapped();
        distil(first, "--learning-rate", "3e-3");
        double reached = kl(first, "distilled");
        assertThat(kl(output, "given")).isEqualTo(reached);
        assertThat(kl(output, "distilled")).isLessThan(0.98 * reached);
        JsonNode report = TinyDistillation.report(output);
        assertThat(report.at("/mapping/name").asText()).isEqualTo("student");
        assertThat(report.at("/mapping/rows").findValuesAsText("method")).hasSize(21).containsOnly("given");
    }

    @Test
    void withoutALearningRateTheStudentIsWrittenAsItWas() {
        Path first = llama(24, 1, true, DType.BF16);
        ProgramRun run = distil(first, "--learning-rate", 0);
        assertThat(run.out()).contains("the output is the given student itself");
        assertThat(checksum(output)).isEqualTo(checksum(first));
    }

    @Test
    void layersAndWidthsMayDifferFromTheTeachers() {
        Path other = llama(24, 1, true, DType.BF16);
        distil(other, "--learning-rate", "1e-2");
        DecoderConfig made = DecoderConfig.read(output);
        assertThat(made).isEqualTo(DecoderConfig.read(other));
        assertThat(kl(output, "distilled")).isLessThan(0.9 * kl(output, "given"));
    }

    @Test
    void whatIsNotTrainedStaysTheStudentsAndNotTheTeachers() {
        Path other = llama(16, 2, false, DType.F32);
        ProgramRun run = distil(other, "--train", "norms", "--learning-rate", "1e-2");
        assertThat(run.err()).doesNotContain("are the teacher's own");
        try (var before = Checkpoint.open(other); var after = Checkpoint.open(output)) {
            assertThat(after.names().stream().filter(name -> !after.fingerprint(name).equals(before.fingerprint(name))))
                    .isNotEmpty().allMatch(name -> name.contains("norm"));
        }
    }

    /** A student of norms that were trained goes on in the memory of its first run. */
    @Test
    void whatIsTheTeachersIsSharedWithIt() throws IOException {
        Path first = directory.resolve("first");
        assertThat(tiny.run(tiny.teacher(), first, STEPS, "--train", "norms", "--learning-rate", "1e-2").code()).isZero();
        Path unshared = directory.resolve("unshared");
        copyWithAnother(first, unshared, "model.layers.1.mlp.up_proj.weight");
        ProgramRun run = distil(first, "--train", "norms", "--learning-rate", "1e-2");
        assertThat(run.err()).contains(" are the teacher's own");
        JsonNode rows = TinyDistillation.report(output).at("/mapping/rows");
        assertThat(rows.findValuesAsText("method")).hasSize(21).containsOnly("given", "NPM");
        rows.forEach(row -> assertThat(row.path("method").asText()).isEqualTo(row.path("target").asText().contains("norm") ? "given" : "NPM"));
        assertThat(planned(first, "norms")).isEqualTo(planned(null, "norms")).isLessThan(planned(unshared, "norms"));
        assertThat(planned(unshared, "norms")).isLessThan(planned(first, "all"));
    }

    @Test
    void aStoppedRunResumesToTheSameBytesAndFromTheSameStudentAlone() throws IOException {
        Path first = mapped();
        distil(first);
        Path stopped = directory.resolve("stopped");
        assertThat(tiny.run(tiny.teacher(), stopped, STEPS, "--student", first, "--stop-after", 2).code()).isEqualTo(130);
        Path other = directory.resolve("other");
        assertThat(tiny.run(tiny.teacher(), other, STEPS, "--learning-rate", "3e-3", "--seed", 1).code()).isZero();
        ProgramRun refused = tiny.run(tiny.teacher(), stopped, STEPS, "--student", other, "--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains("[resume] ", "student's tensor lm_head.weight was f32 ", ", is f32 ");
        ProgramRun resumed = tiny.run(tiny.teacher(), stopped, STEPS, "--student", first, "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(stopped.resolve("model.safetensors")).hasSameBinaryContentAs(output.resolve("model.safetensors"));
    }

    /** The first student differs from the second in what is not trained, and there the second is the teacher. */
    @Test
    void aStoppedRunIsNotResumedWithAStudentThatIsTheTeacherWhereItsOwnWasNot() throws IOException {
        Path second = directory.resolve("first");
        assertThat(tiny.run(tiny.teacher(), second, STEPS, "--train", "norms", "--learning-rate", "1e-2").code()).isZero();
        Path own = directory.resolve("own");
        copyWithAnother(second, own, "model.layers.1.mlp.up_proj.weight");
        assertThat(tiny.run(tiny.teacher(), output, STEPS, "--student", own, "--train", "norms", "--stop-after", 2).code()).isEqualTo(130);
        ProgramRun refused = tiny.run(tiny.teacher(), output, STEPS, "--student", second, "--train", "norms", "--resume");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).last().asString().contains("other content: student's tensor model.layers.1.mlp.up_proj.weight was f32 ");
        assertThat(tiny.run(tiny.teacher(), output, STEPS, "--student", own, "--train", "norms", "--resume").code()).isZero();
    }

    @Test
    void theCardNamesTheStudentAndItsFingerprint() throws IOException {
        Path first = mapped();
        distil(first);
        try (var checkpoint = Checkpoint.open(first)) {
            assertThat(output.resolve("README.md")).content().contains("from the Orion `orion` and the Llama `first`", "| student | `first` |",
                    "| fingerprint of the student | `%s` |".formatted(checkpoint.fingerprint()));
        }
        assertThat(Files.readString(output.resolve("README.md"))).doesNotContain("mapping `student`");
    }

    @Test
    void aModelThatDoesNotFitIsRefusedInALineThatNamesWhatDiffers() throws IOException {
        assertRefused(tiny.teacher(), "[student] its architecture is OrionForCausalLM, not Llama's");
        Path small = directory.resolve("small");
        write(small, 16, 2, false, DType.F32, 100);
        assertRefused(small, "[student] its vocab_size is 100, the teacher's ", "a student predicts the teacher's tokens");
        Path foreign = llama(16, 2, false, DType.F32);
        Files.copy(Fixtures.path("../kept/tokenizer/word-no-prefix.model"), foreign.resolve("tokenizer.model"));
        assertRefused(foreign, "[student] the tokenizer of " + foreign + " gives '", "other ids than the teacher's");
        assertRefused(directory.resolve("nowhere"), "nowhere");
    }

    /** A plan compares samples of the student's tensors with the teacher's; a run compares all of both models, and checks the output before. */
    @Test
    void aStudentWithoutATensorIsRefusedByThePlanTooAndAfterAnOutputThatIsThere() throws IOException {
        Path foreign = llama(16, 2, false, DType.F32);
        DecoderConfig deeper = DecoderConfig.read(foreign).toBuilder().layers(3).build();
        deeper.write(foreign);
        ProgramRun plan = tiny.run(tiny.teacher(), output, STEPS, "--student", foreign, "--train", "norms", "--plan");
        assertThat(plan.code()).isEqualTo(1);
        assertThat(plan.errorLines()).singleElement().asString().startsWith("kept: [checkpoint] ").contains("model.layers.2.", "no such tensor");
        Files.createDirectory(output);
        Files.createFile(output.resolve("config.json"));
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--student", foreign, "--train", "norms");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [output] ").contains("--overwrite");
    }

    @Test
    void aMappingBesideItIsWrongUsage() {
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--student", tiny.teacher(), "--mapping", "opm");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).isEqualTo("kept: --mapping does not go with --student");
        assertThat(ProgramRun.of("distill", "--demo", "--student", tiny.teacher()).errorLines().getFirst())
                .isEqualTo("kept: --student does not go with --demo");
    }

    @Test
    void anOutputDoesNotReplaceTheStudentItComesFrom() throws IOException {
        Path first = mapped();
        String before = checksum(first);
        ProgramRun run = tiny.run(tiny.teacher(), first, STEPS, "--student", first, "--overwrite");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().endsWith("is %s, an input, so it is not replaced; choose another directory".formatted(
                first.toRealPath()));
        assertThat(checksum(first)).isEqualTo(before);
    }

    @Test
    void thePlanCountsTheStudentsOwnSizes() {
        Path large = llama(48, 3, false, DType.F32);
        ProgramRun plan = ProgramRun.of("distill", "--plan", "--teacher", tiny.teacher(), "--student", large);
        assertThat(plan.code()).as(plan.err()).isZero();
        ProgramRun mapped = ProgramRun.of("distill", "--plan", "--teacher", tiny.teacher());
        assertThat(plan.out().lines().filter(line -> line.startsWith("student's weights")).toList())
                .isNotEqualTo(mapped.out().lines().filter(line -> line.startsWith("student's weights")).toList());
    }

    /** The peak of a step by the plan; from opm without a student. */
    private long planned(Path student, String train) {
        return DistillationRun.of(tiny.teacher(), output).mapping(student == null ? MappingChoice.OPM : MappingChoice.student(student))
                .train(ParameterSelection.parse(train)).tokens(1024).training(new TrainingSettings().sequenceLength(16)).plan().step().peakBytes();
    }

    /** Copies a checkpoint, with another first number in a tensor. */
    private static void copyWithAnother(Path from, Path to, String tensor) throws IOException {
        Files.createDirectory(to);
        for (String name : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(from.resolve(name), to.resolve(name));
        }
        try (var checkpoint = Checkpoint.open(to); var file = FileChannel.open(to.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(Float.BYTES), checkpoint.entry(tensor).offset());
        }
    }

    private void assertRefused(Path student, String... words) {
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--student", student);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).hasSize(1);
        assertThat(run.err()).startsWith("kept: ").contains(words);
        assertThat(output).doesNotExist();
    }

    private Path mapped() {
        Path first = directory.resolve("first");
        ProgramRun run = tiny.run(tiny.teacher(), first, STEPS, "--learning-rate", "3e-3");
        assertThat(run.code()).as(run.err()).isZero();
        return first;
    }

    private ProgramRun distil(Path student, Object... more) {
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, Stream.concat(Stream.of("--student", student), Stream.of(more)).toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return run;
    }

    private static double kl(Path made, String stage) {
        return TinyDistillation.report(made).at("/domains/held-out/stages/%s/kl_mean".formatted(stage)).doubleValue();
    }

    private static String checksum(Path model) {
        try (var checkpoint = Checkpoint.open(model)) {
            return checkpoint.checksum();
        }
    }

    /** A Llama of random weights in several files, without a tokenizer. */
    private Path llama(int width, int layers, boolean tied, DType dtype) {
        return write(directory.resolve("given"), width, layers, tied, dtype, DecoderConfig.read(tiny.teacher()).vocabSize());
    }

    private static Path write(Path place, int width, int layers, boolean tied, DType dtype, int vocabulary) {
        DecoderConfig config = DecoderConfig.builder(Architecture.LLAMA).vocabSize(vocabulary).hiddenSize(width).intermediateSize(2 * width)
                .layers(layers).heads(2).keyValueHeads(1).headDimension(8).maxPositions(32).dtype(dtype).initializerRange(0.2)
                .tieWordEmbeddings(tied).build();
        try (Decoder model = Decoder.create(config, new RandomWeights(config, 7), Device.cpu())) {
            Files.createDirectories(place);
            ModelWriter.write(model, dtype, place, tied ? 10_000 : CheckpointWriter.DEFAULT_SHARD_BYTES);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        config.write(place);
        return place;
    }
}
