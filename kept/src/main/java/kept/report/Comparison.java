package kept.report;

import java.util.List;
import java.util.SequencedMap;
import kept.mapping.NormStatistics;

/**
 * Several students of one teacher.
 *
 * @param students the students; all evaluated on the same texts
 * @param costs the costs of the mappings
 * @param norms the statistics of the teacher's norms, by text name
 */
public record Comparison(List<ComparedStudent> students, List<MappingCost> costs, SequencedMap<String, List<NormStatistics>> norms) {}
