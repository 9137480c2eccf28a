package kept.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import kept.tensor.DType;

/** The configurations of the published Orion models, by name. */
public final class OrionConfigs {
    private static final Map<String, DecoderConfig> KNOWN = known();

    private OrionConfigs() {}

    /**
     * Finds a published configuration.
     *
     * @param name such as {@code orion-14b}, in any case
     * @return the configuration; empty if the name is unknown
     */
    public static Optional<DecoderConfig> named(String name) {
        return Optional.ofNullable(KNOWN.get(name.toLowerCase(Locale.ROOT)));
    }

    /**
     * The names.
     *
     * @return all of them
     */
    public static List<String> names() {
        return List.copyOf(KNOWN.keySet());
    }

    private static Map<String, DecoderConfig> known() {
        // Base and Chat have the same configuration; LongChat has more positions.
        DecoderConfig base = DecoderConfig.builder(Architecture.ORION).vocabSize(84_608).hiddenSize(5120).intermediateSize(15_360).layers(40)
                .heads(40).keyValueHeads(40).headDimension(128).maxPositions(4096).normEps(1e-5).ropeTheta(10_000).dtype(DType.BF16).build();
        var known = new LinkedHashMap<String, DecoderConfig>();
        known.put("orion-14b", base);
        known.put("orion-14b-longchat", base.toBuilder().maxPositions(200_000).ropeTheta(50_000_000).build());
        return known;
    }
}
