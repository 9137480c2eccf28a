package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import kept.Fixtures;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import org.junit.jupiter.api.Test;

/** Every row of every mapping, as reports show it, against the tables of {@code fixtures/mapping-tables.txt}. */
class MappingTablesTest {
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(40).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(4).keyValueHeads(2).headDimension(4).build();

    private static final DecoderConfig TIED = ORION.toBuilder().tieWordEmbeddings(true).build();

    @Test
    void everyMappingHasTheRowsItIsKnownBy() throws IOException {
        Map<String, Mapping> tables = new TreeMap<>();
        for (NamedMapping mapping : NamedMapping.values()) {
            tables.put(mapping.table(ORION).name(), mapping.table(ORION));
            if (mapping != NamedMapping.CENTRED) {
                tables.put(mapping.table(ORION).name() + " tied", mapping.table(TIED));
            }
        }
        tables.put("channel", Mapping.channel(ORION));
        tables.put("channel tied", Mapping.channel(TIED));
        List<String> lines = new ArrayList<>();
        tables.forEach((name, mapping) -> {
            mapping.requireComplete();
            lines.add("== " + name);
            mapping.rows().forEach(row -> lines.add("%s %s = %s %s of %s: %s".formatted(row.target(), row.shape(), row.transform().method(),
                    row.transform(), row.sources(), row.reason())));
            mapping.dropped().forEach(tensor -> lines.add("dropped " + tensor.source() + ": " + tensor.reason()));
            mapping.measured().forEach(tensor -> lines.add("measured " + tensor.name() + " " + tensor.shape()));
        });
        assertThat(lines).containsExactlyElementsOf(Files.readAllLines(Fixtures.path("mapping-tables.txt")));
    }
}
