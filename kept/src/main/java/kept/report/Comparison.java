package kept.report;

import java.util.List;
import java.util.SequencedMap;
import kept.mapping.NormStatistics;

/**
 * Students of one teacher, side by side.
 *
 * @param students each student's scores; all on the same texts
 * @param costs what the mappings took
 * @param norms what was measured of the teacher's norms, by the names of the texts
 */
public record Comparison(List<ComparedStudent> students, List<MappingCost> costs, SequencedMap<String, List<NormStatistics>> norms) {}
