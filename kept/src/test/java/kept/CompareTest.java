package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import kept.mapping.MappingException;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.run.ComparisonRun;
import kept.run.ModelWriter;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mappings side by side, from the command line. */
class CompareTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path directory;
    private Path teacher;
    private Path text;
    private Path json;

    @BeforeEach
    void prepare() {
        teacher = TinyTeacher.write(directory.resolve("orion"));
        text = TinyTeacher.text(directory.resolve("text.txt"));
        json = directory.resolve("comparison.json");
    }

    @Test
    void eachStudentHasTheFiguresOfItsCheckpoint() throws IOException {
        giveNormsWeightsAndBiases();
        Path noise = Files.writeString(directory.resolve("noise.txt"), "Zz 0 {} ".repeat(500));
        Path student = directory.resolve("llama");
        Path fidelity = directory.resolve("fidelity.json");
        String[] texts = {"lines=" + text, "noise=" + noise};
        for (String dtype : List.of("f32", "bf16")) {
            assertThat(ProgramRun.of("convert", "--model", teacher, "--output", student, "--dtype", dtype, "--overwrite").code()).isZero();
            assertThat(ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--held-out", texts[0], "--held-out", texts[1],
                    "--evaluation-tokens", 256,
                    "--json", fidelity).code()).isZero();
            ProgramRun run = compare("--mappings", "ones,opm", "--dtype", dtype, "--held-out", texts[1], "--student", "file=" + student);
            assertThat(run.code()).as(run.err()).isZero();
            JsonNode result = JSON.readTree(json.toFile());
            assertThat(student(result, "opm", dtype)).isEqualTo(JSON.readTree(fidelity.toFile()).path("domains"));
            assertThat(student(result, "file", "")).as("a finished student").isEqualTo(student(result, "opm", dtype));
            assertThat(kl(result, "ones", dtype)).as("weights about 2 are lost").isNotCloseTo(kl(result, "opm", dtype), withinPercentage(1));
        }
    }

    @Test
    void theTableHasALineForEachStudentOnEachText() {
        ProgramRun run = compare("--mappings", "opm,ones", "--held-out", "again=" + text);
        assertThat(run.code()).as(run.err()).isZero();
        List<String> lines = run.out().lines().toList();
        assertThat(lines.subList(1, 13).stream().map(line -> line.strip().split("  |:")[0]).toList()).containsExactly("lines", "teacher bf16",
                "opm f32", "opm bf16", "ones f32", "ones bf16", "again", "teacher bf16", "opm f32", "opm bf16", "ones f32", "ones bf16");
        assertThat(lines.get(1)).startsWith("lines: 256 tokens, the teacher's perplexity ");
        assertThat(run.out()).containsPattern("(?m)^opm +[0-9.e-]+ +0.0\\d+ +17,872$").containsPattern("\\|mean\\| / rms on again +0[.]\\d+")
                .containsPattern("(?m)\\|b\\| / \\|g\\| +0 +0$");
        assertThat(run.err().lines()).as("what it computes on").anyMatch(line -> line.startsWith("cpu: "));
    }

    @Test
    void thePageHasTheFiguresOfTheTable() throws IOException {
        Path page = directory.resolve("comparison.html");
        ProgramRun run = compare("--mappings", "opm,ones", "--dtype", "f32", "--html", page, "--held-out", "it's a text=" + text);
        assertThat(run.code()).as(run.err()).isZero();
        String opm = run.out().lines().filter(line -> line.strip().startsWith("opm f32")).findFirst().orElseThrow().strip().split(" +")[2];
        assertThat(Files.readString(page)).contains("<td>opm f32</td><td class=\"number\">" + opm + " <small>")
                .contains("held-out text lines").contains("kept compare --teacher");
        String command = JSON.readTree(json.toFile()).path("command").asText();
        assertThat(command).as("in words of a shell").endsWith(" --held-out 'it'\\''s a text=" + text + "'");
    }

    @Test
    void whereNoNormHasABiasAllThatOpmLosesIsTheMean() throws IOException {
        ProgramRun run = compare("--mappings", "opm,centred", "--dtype", "f32");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JSON.readTree(json.toFile());
        assertThat(kl(result, "opm", "f32")).isGreaterThan(1e-5);
        assertThat(kl(result, "centred", "f32")).isLessThan(1e-9);
    }

    @Test
    void roundingTheTeacherIsEvaluatedToo() throws IOException {
        assertThat(compare("--mappings", "centred").code()).isZero();
        JsonNode result = JSON.readTree(json.toFile());
        double noise = kl(result, "teacher", "bf16");
        assertThat(noise).isBetween(1e-8, 1e-3);
        assertThat(kl(result, "centred", "bf16")).as("the same function, rounded too").isBetween(noise / 3, noise * 3);
    }

    @Test
    void everyNormOfTheTeacherIsInTheJsonForEachText() throws IOException {
        giveNormsWeightsAndBiases();
        assertThat(compare("--mappings", "opm", "--dtype", "f32").code()).isZero();
        JsonNode result = JSON.readTree(json.toFile());
        JsonNode norms = result.at("/norms/lines");
        assertThat(StreamSupport.stream(norms.spliterator(), false).map(norm -> norm.path("name").asText())).containsExactly(
                "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm", "model.layers.1.input_layernorm",
                "model.layers.1.post_attention_layernorm", "model.norm");
        assertThat(norms).allMatch(norm -> norm.path("mean_over_rms").doubleValue() > 0 && norm.path("bias_over_weight").doubleValue() > 0.01);
        assertThat(result.at("/mappings/0/name").asText()).isEqualTo("opm");
        assertThat(result.at("/mappings/0/tensor_bytes").asLong()).as("one tensor at a time").isBetween(420L * 16 * 4, 2L * 420 * 16 * 4);
        assertThat(result.path("command").asText()).startsWith("kept compare --teacher");
    }

    @Test
    void whatIsMeasuredComesNearerAndTheExactOneIsThere() throws IOException {
        giveNormsWeightsAndBiases();
        ProgramRun run = compare("--mappings", "opm,channel,calibrated:0,calibrated:0.25,calibrated:0.25:1,exact", "--dtype", "f32",
                "--calibration", text, "--calibration-tokens", 2048);
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode result = JSON.readTree(json.toFile());
        assertThat(kl(result, "channel", "f32")).isLessThan(kl(result, "opm", "f32"));
        assertThat(kl(result, "calibrated:0", "f32")).isLessThan(0.5 * kl(result, "channel", "f32"));
        assertThat(kl(result, "calibrated:0.25", "f32")).isNotEqualTo(kl(result, "calibrated:0", "f32"));
        assertThat(kl(result, "calibrated:0.25:1", "f32")).as("a ridge that leaves little").isGreaterThan(2 * kl(result, "calibrated:0.25", "f32"));
        assertThat(kl(result, "exact", "f32")).isLessThan(1e-6);
    }

    @Test
    void theCalibratedStudentIsTheOneThatIsConverted() throws IOException {
        giveNormsWeightsAndBiases();
        Path student = directory.resolve("llama");
        ProgramRun converted = ProgramRun.of("convert", "--model", teacher, "--output", student, "--mapping", "calibrated", "--calibration", text,
                "--calibration-tokens", 2048, "--dtype", "f32");
        assertThat(converted.code()).as(converted.err()).isZero();
        Object[] common = {"--mappings", "calibrated", "--dtype", "f32", "--calibration", text, "--calibration-tokens", 2048};
        assertThat(compare(Stream.of(common, new Object[] {"--student", "file=" + student}).flatMap(Stream::of).toArray()).code()).isZero();
        JsonNode result = JSON.readTree(json.toFile());
        assertThat(student(result, "calibrated", "f32")).isEqualTo(student(result, "file", ""));
        assertThat(compare(Stream.of(common, new Object[] {"--seed", 1}).flatMap(Stream::of).toArray()).code()).isZero();
        assertThat(student(JSON.readTree(json.toFile()), "calibrated", "f32")).as("other sequences").isNotEqualTo(student(result, "file", ""));
    }

    @Test
    void theUsualMappingsAreThoseThatATeacherCanHave() {
        Path olmo = FamilyCheckpoint.resource("olmo");
        assertThat(ComparisonRun.of(olmo).needsCalibration()).as("of channel").isTrue();
        assertThatThrownBy(() -> ComparisonRun.of(olmo).mappings("opm", "calibrated").needsCalibration()).isInstanceOf(MappingException.class)
                .hasMessageContaining("OLMo has none");
        assertThatThrownBy(() -> ComparisonRun.of(Fixtures.path("llama")).needsCalibration()).isInstanceOf(MappingException.class)
                .hasMessageContaining("nothing to map");
    }

    @Test
    void wrongUseIsToldInOneLine() {
        assertThat(compare("--mappings", "channel").code()).as("nothing to measure on").isEqualTo(2);
        assertWrong(compare("--mappings", "opm:0.5"), "--mappings must be ", "not opm:0.5");
        assertWrong(compare("--mappings", "calibrated:much"), "--mappings must be ", "at least 0 behind colons, not calibrated:much");
        assertWrong(compare("--mappings", "calibrated:0.1:-1"), "--mappings must be ", "not calibrated:0.1:-1");
        assertFails(compare("--mappings", "calibrated", "--calibration", text, "--calibration-tokens", 16), "too few");
        assertWrong(compare("--mappings", "channel", "--calibration", text, "--calibration-tokens", 0), "--calibration-tokens must be at least 1");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", directory.resolve("llama"), "--mapping", "channel").err())
                .contains("'--mapping': 'channel' is not one of opm, exact, calibrated");
        assertThat(ProgramRun.of("compare", "--teacher", teacher, "--mappings", "opm").code()).as("no text").isEqualTo(2);
        assertThat(ProgramRun.of("compare", "--teacher", teacher, "--held-out", "prose").code()).as("no name").isEqualTo(2);
        assertThat(ProgramRun.of("compare", "--held-out", "a=" + text).code()).as("no teacher").isEqualTo(2);
        assertWrong(compare("--mappings", "opm,magic"), "--mappings must be ", "ones", "not magic");
        assertWrong(compare("--mappings", "opm", "--evaluation-tokens", 0), "--evaluation-tokens must be at least 1");
        assertFails(compare("--mappings", "opm", "--sequence-length", 65), "exceeds the model's 64 positions");
        assertFails(compare("--mappings", "opm", "--held-out", "b=" + directory.resolve("nowhere.txt")), "nowhere.txt");
        assertFails(compare("--mappings", "opm", "--student", "a=" + directory.resolve("nowhere")), "nowhere");
        assertThat(json).doesNotExist();
    }

    private static void assertWrong(ProgramRun run, String... parts) {
        assertThat(run.code()).as(run.err()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).contains(parts);
        assertThat(run.out()).isEmpty();
    }

    private static void assertFails(ProgramRun run, String... parts) {
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).startsWith("kept: ").contains(parts);
        assertThat(run.out()).isEmpty();
    }

    private ProgramRun compare(Object... more) {
        Object[] basis = {"compare", "--teacher", teacher, "--held-out", "lines=" + text, "--json", json};
        Object[] tokens = Stream.of(more).anyMatch("--evaluation-tokens"::equals) ? new Object[0] : new Object[] {"--evaluation-tokens", 256};
        return ProgramRun.of(Stream.of(basis, tokens, more).flatMap(Stream::of).toArray());
    }

    private static JsonNode student(JsonNode result, String name, String dtype) {
        return StreamSupport.stream(result.path("students").spliterator(), false)
                .filter(student -> student.path("name").asText().equals(name) && student.path("dtype").asText().equals(dtype))
                .findAny().orElseThrow().path("domains");
    }

    private static double kl(JsonNode result, String name, String dtype) {
        return student(result, name, dtype).at("/lines/kl_mean").doubleValue();
    }

    /** Gives the teacher other weights than ones, and biases, in its norms. */
    private void giveNormsWeightsAndBiases() {
        DecoderConfig config = DecoderConfig.read(teacher);
        var random = new RandomWeights(config, 5);
        Weights weights = (name, shape) -> name.contains("norm.")
                ? Tensor.normal(name.length(), 0, shape.toArray()).mul(0.2).add(name.endsWith("weight") ? 2 : 0)
                : random.get(name, shape);
        try (Decoder model = Decoder.create(config, weights, Device.cpu())) {
            ModelWriter.write(model, DType.F32, teacher, CheckpointWriter.DEFAULT_SHARD_BYTES);
        }
    }
}
