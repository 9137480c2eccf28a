package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code distill --train lora}: what is trained, what is written, and what is refused. */
@TestInstance(Lifecycle.PER_CLASS)
class LoraProgramsTest {
    private static final int STEPS = 4;
    private static final Set<String> PROJECTIONS = Set.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

    private Path directory;
    private TinyDistillation tiny;
    private Path teacher;
    private Path mapped;

    @BeforeAll
    void prepare(@TempDir Path folder) {
        directory = folder;
        tiny = new TinyDistillation(directory);
        teacher = tiny.teacher();
        mapped = directory.resolve("mapped");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", mapped, "--mapping", "opm").code()).isZero();
    }

    private ProgramRun run(String output, Object... options) {
        List<Object> all = new ArrayList<>(List.of(options));
        Map.of("--train", "lora", "--learning-rate", 0.004, "--evaluate-every", 0).forEach((name, value) -> {
            if (!all.contains(name)) {
                all.addAll(List.of(name, value));
            }
        });
        return tiny.run(teacher, directory.resolve(output), STEPS, all.toArray());
    }

    private Path distil(String output, Object... options) {
        ProgramRun run = run(output, options);
        assertThat(run.code()).as(run.err()).isZero();
        return directory.resolve(output);
    }

    private static boolean isProjection(String name) {
        return PROJECTIONS.contains(name.replaceFirst("\\.weight$", "").replaceFirst(".*\\.", ""));
    }

    private static Map<String, float[]> tensors(Path model) {
        Map<String, float[]> tensors = new LinkedHashMap<>();
        try (var checkpoint = Checkpoint.open(model);
                var _ = Scope.open()) {
            for (String name : checkpoint.names()) {
                tensors.put(name, Tensor.from(checkpoint.data(name), checkpoint.entry(name).dtype(), checkpoint.entry(name).shape()).toFloatArray());
            }
        }
        return tensors;
    }

    @ParameterizedTest
    @CsvSource({"lora,all-linear", "'norms, lora',all-linear", "'LoRA,norms',q_proj|down_proj", "'lm_head,lora',layers\\.1\\..*v_proj"})
    void whatIsNotChosenIsTheMappings(String train, String target) {
        Path output = distil("chosen-" + train.hashCode() + target.hashCode(), "--train", train, "--lora-target", target);
        Map<String, float[]> merged = tensors(output);
        Map<String, float[]> before = tensors(mapped);
        assertThat(merged.keySet()).isEqualTo(before.keySet());
        before.forEach((name, values) -> {
            boolean isTrained = train.contains("norms") && name.contains("norm") || train.contains("lm_head") && name.startsWith("lm_head")
                    || isProjection(name) && (target.equals("all-linear") || name.matches(".*(" + target + ").*"));
            assertThat(!Arrays.equals(merged.get(name), values)).as(name).isEqualTo(isTrained);
        });
        assertThat(output.resolve("adapter")).doesNotExist();
        JsonNode provenance = read(output.resolve("report.json")).path("provenance");
        assertThat(provenance.path("trained").asText()).endsWith("lora");
        assertThat(provenance.at("/lora/target").asText()).isEqualTo(target);
    }

    private static JsonNode read(Path file) {
        try {
            return new ObjectMapper().readTree(file.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The base and the adapter, added up by PEFT's formula, are the merged output. */
    @Test
    void anAdapterBesideItsBaseIsTheMergedOutput() throws IOException {
        Object[] options = {"--train", "norms,lora", "--lora-rank", 3, "--lora-alpha", 4.5};
        Map<String, float[]> merged = tensors(distil("merged", options));
        Path output = distil("beside", Stream.concat(Stream.of(options), Stream.of("--lora-output", "adapter")).toArray());
        Map<String, float[]> base = tensors(output);
        Map<String, float[]> before = tensors(mapped);
        JsonNode config = read(output.resolve("adapter/adapter_config.json"));
        try (var adapter = SafetensorsFile.open(output.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(adapter.entries()).hasSize(2 * 7 * 2);
            assertThat(adapter.metadata()).containsEntry("format", "pt");
            for (String name : before.keySet()) {
                if (isProjection(name)) {
                    assertThat(base.get(name)).as(name).isEqualTo(before.get(name));
                    float[] sum = sum(adapter, "base_model.model." + name.replaceFirst("weight$", ""), base.get(name),
                            config.path("lora_alpha").asDouble() / config.path("r").asInt());
                    assertThat(sum).as(name).hasSameSizeAs(merged.get(name));
                    for (int i = 0; i < sum.length; i++) {
                        assertThat(sum[i]).as(name).isCloseTo(merged.get(name)[i], within(1e-6f));
                    }
                } else {
                    assertThat(base.get(name)).as(name).isEqualTo(merged.get(name));
                }
            }
        }
        assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
        assertThat(config.path("task_type").asText()).isEqualTo("CAUSAL_LM");
        assertThat(config.path("r").asInt()).isEqualTo(3);
        assertThat(config.path("lora_alpha").asText()).isEqualTo("4.5");
        assertThat(config.path("base_model_name_or_path").asText()).isEqualTo(output.toAbsolutePath().toString());
        assertThat(config.path("target_modules")).hasToString(
                "[\"down_proj\",\"gate_proj\",\"k_proj\",\"o_proj\",\"q_proj\",\"up_proj\",\"v_proj\"]");
        assertThat(Files.readString(output.resolve("README.md")))
                .contains("lora of rank 3, alpha 4.5, on all-linear; in the folder adapter, for PEFT");
    }

    /** A reader of the base alone, such as an export or a student to go on from, would lose the training without a word. */
    @Test
    void whoReadsABaseHearsThatItsAdapterIsMissing() {
        ProgramRun run = run("base", "--lora-rank", 2, "--lora-output", "adapter");
        Path base = directory.resolve("base");
        assertThat(run.err()).contains("14 adapters of rank 2 are trained: 992 parameters");
        assertThat(run.out()).contains("next:             in Python, PeftModel.from_pretrained(").doesNotContain("kept generate");
        String note = "note: " + base + " is the base of an adapter, which is not read: what was trained is missing";
        assertThat(ProgramRun.of("export", "--model", base, "--output", directory.resolve("base.gguf"), "--type", "f32").err()).contains(note);
        assertThat(ProgramRun.of("generate", "--model", base, "--prompt", "a", "--max-tokens", 1).err()).contains(note);
        assertThat(run("on", "--student", base, "--train", "norms").err()).contains(note);
        assertThat(ProgramRun.of("generate", "--model", mapped, "--prompt", "a", "--max-tokens", 1).err()).doesNotContain("adapter");
    }

    private static float[] sum(SafetensorsFile adapter, String module, float[] weight, double scale) {
        try (var _ = Scope.open()) {
            Tensor a = factor(adapter, module + "lora_A.weight");
            Tensor b = factor(adapter, module + "lora_B.weight");
            assertThat(a.dtype()).isEqualTo(DType.F32);
            return Tensor.of(weight, b.size(0), a.size(1)).add(b.matmul(a).mul(scale)).toFloatArray();
        }
    }

    private static Tensor factor(SafetensorsFile adapter, String name) {
        return Tensor.from(adapter.data(name), adapter.entry(name).dtype(), adapter.entry(name).shape());
    }

    @Test
    void aPartOfTheModulesIsTargetedByTheirWholeNames() {
        Path output = distil("part", "--lora-target", "layers\\.1\\..*(q|down)_proj", "--lora-output", "Adapter", "--lora-alpha", 8);
        JsonNode config = read(output.resolve("adapter/adapter_config.json"));
        assertThat(config.path("target_modules")).hasToString("[\"model.layers.1.mlp.down_proj\",\"model.layers.1.self_attn.q_proj\"]");
        assertThat(config.path("lora_alpha")).hasToString("8");
        try (var adapter = SafetensorsFile.open(output.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(adapter.entries()).extracting(TensorEntry::name).containsExactlyInAnyOrder(
                    "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight",
                    "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight",
                    "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight",
                    "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight");
            assertThat(adapter.entry("base_model.model.model.layers.1.mlp.down_proj.lora_A.weight").shape().toArray()).containsExactly(16, 24);
            assertThat(adapter.entry("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight").shape().toArray()).containsExactly(16, 16);
        }
        // It may be replaced: it holds nothing but what the programs write.
        assertThat(run("part", "--overwrite").code()).isZero();
        assertThat(output.resolve("adapter")).doesNotExist();
    }

    /** What the report says is what a program finds in the output: weights of bf16 with the adapters added before the rounding. */
    @Test
    void theReportIsOfTheWeightsThatAreWritten() {
        Path output = distil("rounded", "--dtype", "bf16", "--evaluate-every", 2);
        Path json = directory.resolve("verified.json");
        ProgramRun verified = ProgramRun.of("verify", "--teacher", teacher, "--student", output, "--held-out", "held-out=" + tiny.text(),
                "--evaluation-tokens", 128, "--sequence-length", 16, "--json", json);
        assertThat(verified.code()).as(verified.err()).isZero();
        JsonNode report = read(output.resolve("report.json"));
        double seen = report.at("/domains/held-out/stages/distilled/kl_mean").asDouble();
        assertThat(seen).isEqualTo(read(json).findValue("kl_mean").asDouble())
                .isLessThan(report.at("/domains/held-out/stages/mapped/kl_mean").asDouble());
        assertThat(report.at("/held_out/best_step").asInt()).isPositive();
    }

    @Test
    void aStoppedRunGoesOnToTheSameBytes() throws IOException {
        Object[] options = {"--train", "lora,norms", "--lora-output", "adapter", "--dtype", "bf16", "--evaluate-every", 1};
        Path whole = distil("whole", options);
        assertThat(run("parts", Stream.concat(Stream.of(options), Stream.of("--stop-after", 2)).toArray()).code()).isEqualTo(130);
        Path state = directory.resolve("parts.training/state.safetensors");
        try (var saved = SafetensorsFile.open(state);
                var best = SafetensorsFile.open(directory.resolve("parts.training/best.safetensors"))) {
            assertThat(saved.entries()).allMatch(entry -> entry.name().contains("lora_") || entry.name().contains("norm"));
            assertThat(best.entry("model.layers.0.mlp.up_proj.lora_A.weight").dtype()).isEqualTo(DType.F32);
            assertThat(best.entry("model.norm.weight").dtype()).isEqualTo(DType.BF16);
        }
        ProgramRun other = run("parts", Stream.concat(Stream.of(options), Stream.of("--lora-rank", 4, "--resume")).toArray());
        assertThat(other.errorLines().getLast()).contains("lora, alpha was 32.0, is 8.0; lora, rank was 16, is 4");
        assertThat(run("parts", Stream.concat(Stream.of(options), Stream.of("--resume")).toArray()).code()).isZero();
        for (String file : List.of("model.safetensors", "adapter/adapter_model.safetensors")) {
            assertThat(directory.resolve("parts").resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
    }

    @Test
    void recomputedActivationsGiveTheSameBytes() {
        Path kept = distil("kept");
        Path again = distil("again", "--checkpoint-activations");
        assertThat(again.resolve("model.safetensors")).hasSameBinaryContentAs(kept.resolve("model.safetensors"));
    }

    @Test
    void trainingInBf16LowersTheDivergence() {
        Path output = distil("bf16", "--train-dtype", "bf16", "--optimizer", "adamw-8bit", "--accumulation", 2, "--batch-size", 2, "--lora-output",
                "adapter");
        JsonNode stages = read(output.resolve("report.json")).at("/domains/held-out/stages");
        assertThat(stages.at("/distilled/kl_mean").asDouble()).isLessThan(0.95 * stages.at("/mapped/kl_mean").asDouble());
        try (var adapter = SafetensorsFile.open(output.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(adapter.entry("base_model.model.model.layers.1.mlp.down_proj.lora_A.weight").dtype()).isEqualTo(DType.BF16);
        }
    }

    @Test
    void theLayerThatExactAddsHasNoAdapters() {
        Path output = distil("exact", "--mapping", "exact", "--lora-output", "adapter", "--lora-target", "down_proj");
        assertThat(read(output.resolve("adapter/adapter_config.json")).path("target_modules"))
                .hasToString("[\"model.layers.0.mlp.down_proj\",\"model.layers.1.mlp.down_proj\"]");
        assertThat(run("other", "--mapping", "exact", "--lora-target", "layers\\.2\\.").errorLines().getLast())
                .isEqualTo("kept: [lora] the target 'layers\\.2\\.' matches no projection to adapt; "
                        + "their names are like model.layers.0.self_attn.q_proj");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--train all,lora | [train] all trains each matrix itself, and lora adapts those that are not trained: choose one, or norms,lora",
        "--train lora, | [train] 'lora,' names nothing beside lora; lora alone trains adapters only",
        "--train lora,LORA | [train] 'lora,LORA' names nothing beside lora; lora alone trains adapters only",
        "--train norms --lora-rank 8 | --lora-rank is of use only with --train lora",
        "--train all --lora-output merged | --lora-output is of use only with --train lora",
        "--train lora --lora-alpha 1e300 | [lora] alpha / rank must be an f32 number above 0, not 1.0E300 / 16",
        "--train lora --lora-alpha 1e-300 | [lora] alpha / rank must be an f32 number above 0, not 1.0E-300 / 16",
        "--train lora --lora-target q_porj | --lora-target must be all-linear or a regular expression that matches one of q_proj, k_proj, v_proj, "
            + "o_proj, gate_proj, up_proj, down_proj, not q_porj",
        "--train lora --lora-output both | Invalid value for option '--lora-output': 'both' is not one of merged, adapter",
    })
    void whatDoesNotGoTogetherIsWrongUsage(String options, String message) {
        ProgramRun run = ProgramRun.of(Stream.concat(Stream.of("distill", "--teacher", teacher, "--corpus", tiny.text(), "--output",
                directory.resolve("none")), Stream.of((Object[]) options.split(" "))).toArray());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).first().isEqualTo("kept: " + message);
        assertThat(directory.resolve("none")).doesNotExist();
    }

    /** Also in a plan: of a large teacher it would otherwise be known only after its weights were read. */
    @ParameterizedTest
    @CsvSource({"no_such_tensor,false", "'lora, no_such_tensor',false", "'no_such_tensor, lora',false", "'norms,q_proj',true"})
    void anExpressionThatMatchesNothingIsRefusedBeforeAnythingIsDone(String train, boolean isPlan) {
        ProgramRun run = isPlan ? run("none", "--train", train, "--plan") : run("none", "--train", train);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [train] '" + train.replaceFirst("^lora, (.*)", "$1,lora")
                .replace(", lora", ",lora") + "' matches no parameter; their names are like model.layers.0.");
    }

    @Test
    void normsThatAreConstantsOfTheMappingAreNotTrained() {
        Path olmo = FamilyCheckpoint.resource("olmo");
        for (String train : List.of("norms", "norms, lora")) {
            ProgramRun plan = ProgramRun.of("distill", "--plan", "--teacher", olmo, "--mapping", "opm", "--train", train);
            assertThat(plan.code()).isEqualTo(1);
            assertThat(plan.errorLines()).containsExactly("kept: [train] '" + train.replace(" ", "") + "' matches nothing but the mapping's 5 "
                    + "constant tensors, not to be trained; train others by a pattern, or lora");
        }
    }

    @Test
    void aTargetBeyondTheLayersIsRefusedBeforeAnythingIsDone() {
        ProgramRun run = run("none", "--lora-target", "layers\\.7\\.");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).containsExactly(
                "kept: [lora] the target 'layers\\.7\\.' matches no projection to adapt; their names are like model.layers.0.self_attn.q_proj");
    }

    /** Of the tiny model: 2 layers with 4 matrices of 16 x 16 and 3 of 16 x 24, of which the queries are trained themselves. */
    @Test
    void aMatrixThatIsTrainedItselfHasNoAdapter() {
        ProgramRun plan = ProgramRun.of("distill", "--teacher", teacher, "--plan", "--train", "q_proj,lora", "--lora-rank", 1000);
        assertThat(plan.code()).as(plan.err()).isZero();
        long bytes = 2 * (16 * 16 + 1000 * (3 * 32 + 3 * 40)) * 4;
        assertThat(plan.out()).contains("%.1f MB for the best state".formatted(bytes / 1e6));
        ProgramRun refused = run("none", "--train", "q_proj,lora", "--lora-target", "q_proj");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines()).containsExactly("kept: [lora] the target 'q_proj' matches no projection to adapt; "
                + "their names are like model.layers.0.self_attn.q_proj");
    }

    /** Of the tiny model: 2 layers with 4 matrices of 16 x 16 and 3 of 16 x 24. */
    @Test
    void aPlanCountsAdapters() {
        ProgramRun plan = ProgramRun.of("distill", "--teacher", teacher, "--plan", "--train", "lora", "--lora-rank", 100);
        assertThat(plan.code()).as(plan.err()).isZero();
        long bytes = 2 * 100 * (4 * 32 + 3 * 40) * 4;
        assertThat(plan.out()).contains("student's weights (f32); the others are the teacher's",
                "on disk: %.1f MB for the state of the unfinished run, %.1f MB for the best state".formatted(3 * bytes / 1e6, bytes / 1e6));
    }
}
