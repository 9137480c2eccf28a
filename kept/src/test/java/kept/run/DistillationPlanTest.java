package kept.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.OtherDevice;
import kept.ProgramRun;
import kept.TinyTeacher;
import kept.backend.DeviceMemory;
import kept.cli.PlanText;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import kept.training.TrainingOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code distill --plan} tells, and which runs are refused before they begin. */
class DistillationPlanTest {
    private static final long GB = 1_000_000_000;

    @TempDir
    private Path directory;

    @Test
    void aPlanIsToldAndNothingIsMade() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        ProgramRun run = ProgramRun.of("distill", "--plan", "--teacher", teacher, "--output", directory.resolve("llama"));
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("teacher's weights (as stored)", "at most at a time", "this machine has ", "it fits", "GFLOP/s",
                "steps take about");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(teacher);
        }
    }

    @Test
    void sizesWhoseBytesExceedALongAreRefusedAndNeverSaidToFit() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Object[] plan = {"distill", "--plan", "--teacher", teacher, "--sequence-length", 64};
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Object[] pretrain = {"pretrain", "--tokenizer", teacher, "--corpus", text, "--output", directory.resolve("out"), "--hidden-size", 16,
            "--heads", 2, "--layers", 1, "--intermediate-size", 24};
        for (int passes : new int[] {2, 2147483647}) {
            for (Object[] line : new Object[][] {plan, pretrain}) {
                ProgramRun run = ProgramRun.of(Stream.concat(Stream.of(line),
                        Stream.of("--batch-size", 2147483647, "--accumulation", passes)).toArray());
                assertThat(run.code()).isEqualTo(1);
                assertThat(run.errorLines().getLast()).isEqualTo(("kept: [training] 2,147,483,647 sequences a pass and %,d passes a step are "
                        + "too many; lower --batch-size or --accumulation").formatted(passes));
            }
        }
        assertThat(ProgramRun.of(Stream.concat(Stream.of(plan), Stream.of("--batch-size", 2147483647)).toArray()).out()).contains("it does not fit");
        DecoderConfig wide = orion(40).toBuilder().maxPositions(2147483647).build();
        assertThatThrownBy(() -> plan(wide, 2147483647, false, "all").toString()).hasMessageStartingWith("[plan] 2,147,483,647 sequences of ")
                .hasMessageContaining("more than any machine can hold");
    }

    @Test
    void configJsonAloneIsEnoughToPlanAndSaysWhatWouldFit() {
        DecoderConfig orion = orion(40);
        String text = text(plan(orion, 8, false, "all"), new MachineMemory(256 * GB, 250 * GB));
        assertThat(text).contains("teacher's weights (bf16, by config.json)", "29.00 GB", "57.99 GB", "115.99 GB",
                "it does not fit: as asked it takes ", "--train norms --checkpoint-activations",
                "on disk: 173.98 GB for the state of the unfinished run, 29.00 GB for the best state, 29.00 GB for the result");
        assertThat(text(plan(orion, 8, false, "norms"), new MachineMemory(256 * GB, 250 * GB)))
                .contains("on disk: 5.0 MB for the state of the unfinished run, 0.8 MB for the best state, 29.00 GB for the result");
        assertThat(text(plan(orion, 8, false, "all"), new MachineMemory(64 * GB, 60 * GB)))
                .contains("--train-dtype bf16 --train norms --optimizer adamw-8bit ");
        assertThat(text(plan(orion, 8, false, "all"), new MachineMemory(150 * GB, 150 * GB)))
                .contains("--train-dtype bf16 --optimizer adamw-8bit ", "--train norms ");
        assertThat(text(plan(orion, 8, false, "all"), new MachineMemory(32 * GB, 30 * GB)))
                .contains("no options make it fit: the weights of teacher and student alone take 57.99 GB");
        assertThat(text(plan(orion, 8, false, "all"), new MachineMemory(500 * GB, 60 * GB))).contains("it fits if other programs make room");
    }

    /** As of OLMo 1, whose norms have no weights. */
    @Test
    void normsThatAreConstantsAreNotProposed() {
        DecoderConfig orion = orion(40);
        Set<String> norms = ModelTensor.of(orion.toLlama()).stream().filter(tensor -> tensor.id().role().isNorm()).map(ModelTensor::name)
                .collect(Collectors.toSet());
        assertThat(norms).hasSize(81);
        var machine = new MachineMemory(150 * GB, 150 * GB);
        ParameterSelection all = ParameterSelection.parse("all");
        assertThat(text(plan(orion, all), machine)).contains("--train norms ", "--train lora ");
        assertThat(text(plan(orion, all.without(norms, "constants")), machine)).contains("--train lora ").doesNotContain("--train norms ");
    }

    @Test
    void whatIsProposedFits() {
        DecoderConfig orion = orion(2);
        var machine = new MachineMemory(40 * GB, 40 * GB);
        var notes = Progress.NONE;
        String proposed = assertThatThrownBy(() -> plan(orion, 64, false, "all").requireRoom(machine, notes)).isInstanceOf(RunException.class)
                .hasMessageStartingWith("[memory] this run would take about ").hasMessageContaining("the machine has 40.00 GB; it fits with ")
                .actual().getMessage();
        Matcher batch = Pattern.compile("--batch-size (\\d+) --accumulation (\\d+) --reduction serial --checkpoint-activations;").matcher(proposed);
        assertThat(batch.find()).as(proposed).isTrue();
        int sequences = Integer.parseInt(batch.group(1));
        assertThat(sequences * Integer.parseInt(batch.group(2))).isEqualTo(64);
        plan(orion, sequences, true, "all").requireRoom(machine, notes);
        assertThatThrownBy(() -> plan(orion, 2 * sequences, true, "all").requireRoom(machine, notes)).isInstanceOf(RunException.class);
    }

    /** Of a device with tensor cores and memory of its own, whatever the machine has. */
    @Test
    void aDeviceWithItsOwnMemoryIsPlannedFor() {
        Device device = OtherDevice.of("gpu", (method, arguments) -> switch (method.getName()) {
            case "ownMemory" -> Optional.of(new DeviceMemory(150 * GB, 149 * GB));
            case "productType" -> arguments[0];
            default -> null;
        });
        MachineMemory memory = MachineMemory.of(device);
        assertThat(memory).isEqualTo(new MachineMemory(150 * GB, 149 * GB));
        var bf16 = new AdamW.Storage(true, true, 0);
        String text = text(plan(orion(40), 1, "all", bf16, new DistillationPlan.Execution(device, DType.BF16, true, StepPlan.Shares.ONE)), memory);
        assertThat(text).contains("student's weights (bf16)", "moments of AdamW (8 bits)", "driver, cuBLAS, kernels",
                "gpu has 150.00 GB, 149.00 GB of it free", "it fits").doesNotContain("JVM", "this machine");
        var f32 = new DistillationPlan.Execution(device, DType.F32, true, StepPlan.Shares.ONE);
        assertThatThrownBy(() -> plan(orion(40), 1, "all", AdamW.Storage.PLAIN, f32).requireRoom(memory, Progress.NONE))
                .hasMessageContaining("and gpu has 150.00 GB; it fits with --train-dtype bf16 --optimizer adamw-8bit");
    }

    @Test
    void littleFreeMemoryIsNoted() {
        List<String> notes = new ArrayList<>();
        plan(orion(2), 1, false, "all").requireRoom(new MachineMemory(64 * GB, GB), new Progress() {
            @Override
            public void note(String line) {
                notes.add(line);
            }
        });
        assertThat(notes).singleElement().asString().startsWith("memory: this run takes about ").contains("of which only 1.00 GB are free now");
    }

    @Test
    void aRunThatCannotFitIsRefusedBeforeItBegins() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun run = ProgramRun.of("distill", "--teacher", teacher, "--corpus", text, "--output", directory.resolve("llama"),
                "--batch-size", 1 << 27, "--sequence-length", 32);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).startsWith("kept: [memory] this run would take about ")
                .contains("it fits with ", "--batch-size ", "--plan");
        assertThat(directory).isDirectoryNotContaining("glob:**llama*");
    }

    private static String text(DistillationPlan plan, MachineMemory memory) {
        var text = new StringWriter();
        PlanText.printMemory(plan, memory, new PrintWriter(text));
        return text.toString();
    }

    private DistillationPlan plan(DecoderConfig orion, int batch, boolean checkpointing, String train) {
        return plan(orion, batch, train, AdamW.Storage.PLAIN,
                new DistillationPlan.Execution(Device.cpu(), DType.F32, checkpointing, StepPlan.Shares.ONE));
    }

    private DistillationPlan plan(DecoderConfig orion, int batch, String train, AdamW.Storage storage, DistillationPlan.Execution execution) {
        return DistillationPlan.of(directory, orion, orion.toLlama(), ParameterSelection.parse(train), options(batch, storage), execution,
                DType.BF16);
    }

    private DistillationPlan plan(DecoderConfig orion, ParameterSelection train) {
        return DistillationPlan.of(directory, orion, orion.toLlama(), train, options(8, AdamW.Storage.PLAIN),
                new DistillationPlan.Execution(Device.cpu(), DType.F32, false, StepPlan.Shares.ONE), DType.BF16);
    }

    private static TrainingOptions options(int batch, AdamW.Storage storage) {
        return new TrainingOptions(10, batch, 1, 512, new LearningRateSchedule.Constant(1e-4, 0), AdamW.Settings.DEFAULT, 1, storage);
    }

    private static DecoderConfig orion(int layers) {
        return DecoderConfig.builder(Architecture.ORION).vocabSize(84_608).hiddenSize(5120).intermediateSize(15_360).layers(layers).heads(40)
                .keyValueHeads(40).headDimension(128).maxPositions(4096).dtype(DType.BF16).build();
    }
}
