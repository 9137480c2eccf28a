package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The printed table and its rows as JSON, from rows that nothing measured. */
class TableTest {
    private static final Row.Bound PEAK = new Row.Bound("multiply-add peak", "GFLOP/s", 400, 50);
    private static final List<Row> ROWS = List.of(
            new Row("product nn", "1x2x3", 2, 4, List.of(new Row.PeerTime("libtorch", 8, 2), new Row.PeerTime("OpenBLAS", 5, 1.25)), null, 200, PEAK),
            new Row("product nt", "4x5x6", 2, 1, List.of(new Row.PeerTime("libtorch", 8, 8), new Row.PeerTime("OpenBLAS", 0.8, 0.8)), 77.0, 200,
                    PEAK));

    private static List<String> print(boolean plain, List<Row> rows, Peer... peers) {
        var bytes = new ByteArrayOutputStream();
        var table = new Table(new PrintStream(bytes, true, StandardCharsets.UTF_8), List.of(peers), plain);
        table.begin();
        rows.forEach(table::add);
        table.end("products", rows);
        return bytes.toString(StandardCharsets.UTF_8).lines().map(line -> line.strip().replaceAll(" +", " ")).toList();
    }

    @Test
    void eachPeerHasItsTimeAndItsRatio() {
        assertThat(print(false, ROWS, Peer.LIBTORCH, Peer.OPENBLAS)).containsExactly(
                "kept ms libtorch ms ratio OpenBLAS ms ratio rate bound %",
                "product nn 1x2x3 4.000 8.000 2.00 5.000 1.25 200.0 multiply-add peak 400.0 50",
                "product nt 4x5x6 1.000 8.000 8.00 0.800 0.80 200.0 multiply-add peak 400.0 50",
                "products, geometric mean of 2: libtorch ratio 4.00 (lowest 2.00), OpenBLAS ratio 1.00 (lowest 0.80), 50 % of the bound");
    }

    @Test
    void onlyThePeersThatWereMeasuredHaveColumns() {
        assertThat(print(true, ROWS, Peer.OPENBLAS)).containsExactly(
                "kept ms OpenBLAS ms ratio plain ms rate bound %",
                "product nn 1x2x3 4.000 5.000 1.25 200.0 multiply-add peak 400.0 50",
                "product nt 4x5x6 1.000 0.800 0.80 77.0 200.0 multiply-add peak 400.0 50",
                "products, geometric mean of 2: OpenBLAS ratio 1.00 (lowest 0.80), 50 % of the bound");
    }

    /** A mean over some of the rows cannot be compared with one over all of them. */
    @Test
    void aPeerThatLacksARowHasABlankThereAndNoMean() {
        List<Row> rows = List.of(ROWS.getFirst(), new Row("product tn", "7x8x9", 2, 2, List.of(), null, 100, PEAK));
        List<String> lines = print(false, rows, Peer.LIBTORCH);
        assertThat(lines.get(2)).isEqualTo("product tn 7x8x9 2.000 100.0 multiply-add peak 400.0 50");
        assertThat(lines.getLast()).isEqualTo("products, geometric mean of 2: 50 % of the bound");
    }

    @Test
    void columnsAreAligned() {
        var bytes = new ByteArrayOutputStream();
        var table = new Table(new PrintStream(bytes, true, StandardCharsets.UTF_8), Arrays.asList(Peer.values()), true);
        table.begin();
        ROWS.forEach(table::add);
        assertThat(bytes.toString(StandardCharsets.UTF_8).lines().mapToInt(String::length).distinct().count()).isEqualTo(1);
    }

    @Test
    void aRowAsJsonHasEveryPeerAndTheBound() {
        assertThat(new ObjectMapper().valueToTree(ROWS.getFirst()).toString()).isEqualTo("""
                {"benchmark":"product nn","sizes":"1x2x3","threads":2,"oursMillis":4.0,\
                "peers":[{"peer":"libtorch","millis":8.0,"ratio":2.0},{"peer":"OpenBLAS","millis":5.0,"ratio":1.25}],\
                "plainMillis":null,"rate":200.0,"bound":{"name":"multiply-add peak","unit":"GFLOP/s","rate":400.0,"percent":50.0}}""");
    }
}
