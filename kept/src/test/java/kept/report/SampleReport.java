package kept.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;
import kept.mapping.Mapping;
import kept.mapping.NormStatistics;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.training.HeldOutCurve;
import kept.training.HeldOutResult;
import kept.training.StepMetrics;

/** A report small enough to know by heart: two domains, three steps, one layer. */
final class SampleReport {
    static final Mapping MAPPING = Mapping.opm(DecoderConfig.builder(Architecture.ORION).vocabSize(160).hiddenSize(32).intermediateSize(80)
        .layers(1).heads(4).maxPositions(128).build());
    static final List<NormStatistics> NORMS = List.of(
        new NormStatistics("model.layers.0.input_layernorm", 0.125, 0.5),
        new NormStatistics("model.layers.0.post_attention_layernorm", 0.0625, 0.25),
        new NormStatistics("model.norm", Double.NaN, 0));

    static final HeldOutCurve HELD_OUT = new HeldOutCurve(List.of(new HeldOutResult(0, 0, 0.25, 0.75), new HeldOutResult(2, 4096, 0.026, 0.9),
        new HeldOutResult(3, 6144, 0.0275, 0.875)));

    private SampleReport() { }

    static RunReport report() {
        return new RunReport(domains("prose", "code"), steps(3), HELD_OUT, NORMS, MAPPING, provenance("command", "bin/kept distill --demo"));
    }

    static List<DomainResult> domains(String first, String second) {
        return List.of(
            domain(first, new Fidelity(65_536, 0.0523412, 0.421, 0.9121, 12.3412, 13.2034),
                new Fidelity(65_536, 0.00287, 0.0211, 0.9812, 12.3412, 12.3601)),
            domain(second, new Fidelity(1000, 0.25, 1.5, 0.75, 7.875, 9.5), new Fidelity(1000, 0.5, 2, 0.625, 7.875, 123_456)));
    }

    static DomainResult domain(String name, Fidelity mapped, Fidelity distilled) {
        SequencedMap<String, Fidelity> stages = new LinkedHashMap<>();
        stages.put("mapped", mapped);
        stages.put("distilled", distilled);
        return new DomainResult(name, stages, "mapped");
    }

    /** Steps whose first has no divergence. */
    static List<StepMetrics> steps(int count) {
        List<StepMetrics> steps = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            steps.add(new StepMetrics(i, count, 1.0 / i, i == 1 ? Double.NaN : 0.5 / i, 2.0 / i, 0.001 * i, 2048L * i, 0.5));
        }
        return steps;
    }

    static SequencedMap<String, String> provenance(String key, String value) {
        SequencedMap<String, String> provenance = new LinkedHashMap<>();
        provenance.put(key, value);
        return provenance;
    }
}
