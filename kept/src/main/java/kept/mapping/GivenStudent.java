package kept.mapping;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.Weights;
import kept.tensor.TensorException;

/**
 * The table of a student that is not made from its teacher but given as a Llama: each of its tensors is its own, but for those that have the values
 * of the teacher's ({@link #sharing}).
 * Teacher and student have one vocabulary; layers, widths and heads may differ, since only next-token distributions are compared.
 */
public final class GivenStudent {
    /** The name of the table in reports and saved runs. */
    public static final String NAME = "student";

    private static final String PREFIX = "student.";
    private static final String OWN = "the given student's own tensor";
    private static final String NOT_USED = "the student is given, and nothing of the teacher is copied";

    private GivenStudent() {}

    /**
     * The table.
     *
     * @param teacher a source's configuration
     * @param student a Llama configuration
     * @return the table; the student's tensors are its {@linkplain Mapping#measured measured} ones, which {@link #sources} gives
     * @throws MappingException if one of them is of another architecture, or their vocabularies differ in size
     */
    public static Mapping of(DecoderConfig teacher, DecoderConfig student) {
        Mapping.requireSource(teacher);
        if (student.architecture() != Architecture.LLAMA) {
            throw new MappingException("[student] its architecture is %s, not Llama's".formatted(student.architecture().className()));
        }
        if (student.vocabSize() != teacher.vocabSize()) {
            throw new MappingException("[student] its vocab_size is %,d, the teacher's %,d: a student predicts the teacher's tokens".formatted(
                    student.vocabSize(), teacher.vocabSize()));
        }
        List<ModelTensor> own = ModelTensor.of(student);
        return new Mapping(NAME, teacher, student,
                own.stream().map(tensor -> TensorMapping.of(tensor, Transform.GIVEN, OWN, PREFIX + tensor.name())).toList(),
                DroppedTensor.of(teacher, _ -> true, NOT_USED),
                own.stream().map(tensor -> new MeasuredTensor(PREFIX + tensor.name(), tensor.shape())).toList());
    }

    /**
     * The same table with the teacher's tensors where the student's have the same values: those of which no copy is needed.
     *
     * @param table a table of {@link #of}
     * @param same whether a tensor of the student, by its name, has the values of a tensor of the teacher, by its name
     * @return the table; it does not measure these tensors
     */
    public static Mapping sharing(Mapping table, BiPredicate<String, String> same) {
        Map<String, TensorMapping> copies = copies(table.source());
        List<TensorMapping> rows = table.rows().stream().map(own -> {
            TensorMapping copy = copies.get(own.target());
            return copy != null && copy.shape().equals(own.shape()) && same.test(own.target(), copy.sources().getFirst()) ? copy : own;
        }).toList();
        Set<String> used = rows.stream().flatMap(row -> row.sources().stream()).collect(Collectors.toSet());
        return new Mapping(NAME, table.source(), table.target(), rows,
                table.dropped().stream().filter(tensor -> !used.contains(tensor.source())).toList(),
                table.measured().stream().filter(tensor -> used.contains(tensor.name())).toList());
    }

    /**
     * The tensors that a table has of the teacher, since the student's have the same values.
     *
     * @param table a table of {@link #of} or {@link #sharing}
     * @return the teacher's names by the student's
     */
    public static Map<String, String> common(Mapping table) {
        return table.rows().stream().filter(row -> !row.sources().getFirst().startsWith(PREFIX))
                .collect(Collectors.toMap(TensorMapping::target, row -> row.sources().getFirst()));
    }

    /**
     * The tensors that a Llama has of a source if it is made without any computation of theirs.
     *
     * @param source a model's configuration
     * @return the source's names by the Llama's; none if no Llama is made of it
     */
    public static Map<String, String> copied(DecoderConfig source) {
        return copies(source).values().stream().collect(Collectors.toMap(TensorMapping::target, row -> row.sources().getFirst()));
    }

    /** The rows that copy a tensor of a teacher into a Llama, by the Llama's names; none if no Llama is made of it, though it may have students. */
    private static Map<String, TensorMapping> copies(DecoderConfig teacher) {
        Mapping opm;
        try {
            opm = Mapping.opm(teacher);
        } catch (TensorException e) {
            return Map.of();
        }
        Set<String> verbatim = opm.copies();
        return opm.rows().stream().filter(row -> verbatim.contains(row.target())).collect(Collectors.toMap(TensorMapping::target, row -> row));
    }

    /**
     * The student's tensors by the names that rows use.
     *
     * @param student its parameters
     * @return the same by these names
     */
    public static Weights sources(Weights student) {
        return (name, shape) -> student.get(name.substring(PREFIX.length()), shape);
    }
}
