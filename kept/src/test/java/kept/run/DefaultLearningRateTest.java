package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import kept.TinyTeacher;
import kept.optim.LearningRateSchedule.Cosine;
import kept.training.ParameterSelection;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The learning rate of a run that names none. */
@TestInstance(Lifecycle.PER_CLASS)
class DefaultLearningRateTest {
    private Path directory;
    private Path teacher;

    @BeforeAll
    void prepare(@TempDir Path folder) {
        directory = folder;
        teacher = TinyTeacher.write(folder.resolve("orion"));
        ConversionRun.of(teacher, folder.resolve("student")).mapping(MappingChoice.OPM).run(Progress.NONE);
    }

    @ParameterizedTest
    @CsvSource({"opm, all, 3e-4", "opm, norms, 3e-3", "opm, lora, 1e-3", "opm, 'norms,lora', 1e-3", "opm, mlp, 3e-4", "opm, 'mlp,lora', 3e-4",
        "opm, layernorm.weight, 3e-3", "exact, all, 1e-6", "exact, lora, 1e-5", "student, all, 3e-5", "student, lora, 3e-4", "student, norms, 3e-4"})
    void followsTheStartAndWhetherMatricesAreTrained(String start, String train, double expected) {
        MappingChoice mapping = start.equals("student") ? MappingChoice.student(directory.resolve(start)) : MappingChoice.of(start);
        DistillationRun run = DistillationRun.of(teacher, directory.resolve("output")).mapping(mapping).tokens(1 << 20)
                .train(ParameterSelection.parse(train)).training(new TrainingSettings().sequenceLength(32));
        assertThat(DistillationTask.of(run).options().schedule()).isInstanceOfSatisfying(Cosine.class,
                schedule -> assertThat(schedule.peak()).isEqualTo(expected));
    }
}
