package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.DecoderConfigBuilder;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

/** The table of a given student with the tensors that it has in common with its teacher. */
class GivenStudentTableTest {
    private static final int LAYERS = 2;

    private static DecoderConfigBuilder sized(Architecture architecture) {
        return DecoderConfig.builder(architecture).vocabSize(40).hiddenSize(32).intermediateSize(64).layers(LAYERS).heads(4).keyValueHeads(4)
                .headDimension(8).maxPositions(64).dtype(DType.F32);
    }

    @Test
    void tensorsInCommonAreCopiedAndTheOthersAreItsOwn() {
        DecoderConfig teacher = sized(Architecture.ORION).build();
        Mapping table = GivenStudent.sharing(GivenStudent.of(teacher, teacher.toLlama()), (own, other) -> {
            assertThat(own).isEqualTo(other);
            return !own.contains("mlp");
        });
        table.requireComplete();
        assertThat(table.copies()).hasSize(3 + 6 * LAYERS).noneMatch(name -> name.contains("mlp"));
        assertThat(table.measured()).hasSize(3 * LAYERS).allMatch(tensor -> tensor.name().startsWith("student."));
        assertThat(table.dropped()).hasSize(1 + 5 * LAYERS).noneMatch(tensor -> table.copies().contains(tensor.source()));
    }

    /** What another matrix of the teacher is called in a Llama, and a shape that differs. */
    @Test
    void tensorsAreThoseOfTheMappingAndOfItsShapes() {
        DecoderConfig teacher = sized(Architecture.NEMOTRON).build();
        DecoderConfig other = teacher.toLlama().toBuilder().intermediateSize(48).build();
        assertThat(GivenStudent.sharing(GivenStudent.of(teacher, other), (_, _) -> true).copies())
                .isNotEmpty().noneMatch(name -> name.contains("mlp"));
        // Its first matrix is the gate of a Llama, whose other one is constant.
        assertThat(GivenStudent.sharing(GivenStudent.of(teacher, teacher.toLlama()), (_, _) -> true).copies())
                .anyMatch(name -> name.contains("gate_proj")).noneMatch(name -> name.contains("up_proj"));
    }

    /** Such a teacher is distilled into a student of another form, as the error of its mappings says. */
    @Test
    void aTeacherOfWhichNoLlamaIsMadeHasNothingInCommon() {
        DecoderConfig teacher = sized(Architecture.STABLELM).rotaryDimension(4).ropeScaling(new RopeScaling.DynamicNtk(2, 128)).build();
        assertThatExceptionOfType(TensorException.class).isThrownBy(teacher::toLlama);
        Mapping table = GivenStudent.of(teacher, sized(Architecture.LLAMA).build());
        assertThat(GivenStudent.sharing(table, (_, _) -> true)).isEqualTo(table);
    }
}
