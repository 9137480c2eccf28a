package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.FamilyCheckpoint;
import kept.ProgramRun;
import kept.TinyTeacher;
import kept.checkpoint.Checkpoint;
import kept.model.Decoder;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Of two models side by side, memory holds what both have once. */
class ModelsBesideTest {
    private static final String CHANGED = "model.layers.1.mlp.up_proj.weight";

    @TempDir
    private Path directory;

    @Test
    void aStudentTakesNoMemoryForWhatItHasInCommonWithItsTeacher() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path student = converted(teacher, "llama");
        Path another = converted(teacher, "another");
        changeLastNumber(another, CHANGED);
        try (Decoder orion = LoadedModel.load(teacher, null, Device.cpu(), Progress.NONE)) {
            float[] before = logits(orion);
            long inUse = Device.cpu().memoryUsage().inUse();
            try (Decoder same = LoadedModel.loadBeside(student, orion, teacher, Progress.NONE)) {
                assertThat(ownTensors(same, orion)).isEmpty();
                assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(inUse);
            }
            try (Decoder alone = LoadedModel.load(another, null, Device.cpu(), Progress.NONE);
                    Decoder beside = LoadedModel.loadBeside(another, orion, teacher, Progress.NONE)) {
                assertThat(ownTensors(beside, orion)).containsExactly(CHANGED);
                assertThat(logits(beside)).containsExactly(logits(alone)).isNotEqualTo(logits(orion));
            }
            assertThat(logits(orion)).as("of the teacher, after its students were closed").containsExactly(before);
        }
    }

    @Test
    void tensorsOfAnotherTypeAreTheStudentsOwn() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path student = converted(teacher, "llama", "--dtype", "bf16");
        try (Decoder orion = LoadedModel.load(teacher, null, Device.cpu(), Progress.NONE);
                Decoder beside = LoadedModel.loadBeside(student, orion, teacher, Progress.NONE)) {
            assertThat(ownTensors(beside, orion)).isEqualTo(beside.parameters().keySet());
        }
    }

    /** What is computed for the student is its own. The matrices of Nemotron and StarCoder2 have other names than a Llama's. */
    @ParameterizedTest
    @CsvSource({"olmo, norm", "stablelm, q_proj|k_proj", "starcoder2, up_proj|bias", "nemotron, norm|up_proj|q_proj|k_proj|bias"})
    void aFamilysStudentHasWhatIsCopiedInCommonWithIt(String family, String computed) {
        Path teacher = FamilyCheckpoint.resource(family);
        Path student = converted(teacher, "llama");
        try (Decoder source = LoadedModel.load(teacher, null, Device.cpu(), Progress.NONE);
                Decoder beside = LoadedModel.loadBeside(student, source, teacher, Progress.NONE)) {
            assertThat(ownTensors(beside, source)).isNotEmpty()
                    .isSubsetOf(beside.parameters().keySet().stream().filter(Pattern.compile(computed).asPredicate()).toList());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void aMappingsStudentHasTheTeachersTensorsInTheSameType(DType dtype) {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        try (var checkpoint = Checkpoint.open(teacher);
                Decoder orion = LoadedModel.load(teacher, null, Device.cpu(), Progress.NONE);
                var students = new MappedStudents(Progress.NONE, checkpoint, orion.config(), Device.cpu());
                Decoder student = students.make("ones").model(dtype, orion)) {
            Set<String> all = student.parameters().keySet();
            assertThat(ownTensors(student, orion)).hasSize(dtype == DType.F32 ? 5 : all.size())
                    .allMatch(name -> dtype == DType.BF16 || name.contains("norm"));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void aTypeThatTheWeightsHaveTakesNoCopy(DType dtype) {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        try (var checkpoint = Checkpoint.open(teacher);
                Decoder orion = LoadedModel.load(teacher, null, Device.cpu(), Progress.NONE);
                Decoder rounded = LoadedModel.rounded(orion, checkpoint, dtype)) {
            assertThat(ownTensors(rounded, orion)).isEqualTo(dtype == DType.F32 ? Set.of() : orion.parameters().keySet());
            assertThat(rounded.parameters().values()).allMatch(parameter -> parameter.value().dtype() == dtype);
        }
    }

    /** The parameters of a student that are no tensors of its teacher. */
    private static Set<String> ownTensors(Decoder student, Decoder teacher) {
        return student.parameters().entrySet().stream().filter(entry -> teacher.parameters().values().stream()
                .noneMatch(other -> entry.getValue().value().overlaps(other.value()))).map(Map.Entry::getKey).collect(Collectors.toSet());
    }

    private Path converted(Path source, String name, Object... more) {
        Path output = directory.resolve(name);
        Object[] line = {"convert", "--model", source, "--mapping", "opm", "--output", output};
        ProgramRun run = ProgramRun.of(Stream.concat(Stream.of(line), Stream.of(more)).toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return output;
    }

    /** Writes another last number into a tensor. */
    private static void changeLastNumber(Path model, String tensor) throws IOException {
        try (var checkpoint = Checkpoint.open(model); var file = FileChannel.open(model.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
            long end = checkpoint.entry(tensor).offset() + checkpoint.entry(tensor).shape().elementCount() * Float.BYTES;
            file.write(ByteBuffer.allocate(Float.BYTES), end - Float.BYTES);
        }
    }

    private static float[] logits(Decoder model) {
        try (var _ = Scope.open(Device.cpu())) {
            return model.logits(Tensor.of(new int[] {5, 6, 7, 8}, 1, 4)).toFloatArray();
        }
    }
}
