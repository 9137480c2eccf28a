package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TensorBoard's event files: the bytes of TensorBoard's own writer, and what a resumption adds. {@code bin/peers} reads them with TensorBoard. */
class TensorBoardLogTest {
    private static final long SECONDS = 1_700_000_000;

    @TempDir
    private Path directory;
    private Path folder;

    @BeforeEach
    void prepare() {
        folder = directory.resolve("runs/llama");
    }

    @Test
    void theBytesAreThoseOfTensorBoardsOwnWriter() throws IOException, URISyntaxException {
        try (var log = open(List.of(), HeldOutCurve.EMPTY)) {
            log.add(new HeldOutResult(0, 0, 1.5, 0.25));
            log.add(new StepMetrics(1, 9, 2.5, 2.25, 0, 3e-5, 64, 1));
            log.add(new StepMetrics(300, 9, 1.125, Double.NaN, 1e10, 3e-6, 128, 1));
            log.restart(1);
            log.add(new HeldOutResult(1_000_000, 128, 1e-9, 1));
        }
        Path golden = Path.of(TensorBoardLogTest.class.getResource("/kept/training/events.golden").toURI());
        assertThat(folder.resolve("events.out.tfevents.1700000000.kept")).hasSameBinaryContentAs(golden);
    }

    @Test
    void aResumptionAddsAFileThatCountsFromTheStepAfterTheState() throws IOException {
        open(List.of(), HeldOutCurve.EMPTY).close();
        open(List.of(step(1), step(2)), HeldOutCurve.EMPTY).close();
        assertThat(names()).containsExactly("events.out.tfevents.1700000000.kept", "events.out.tfevents.1700000001.kept");
        assertThat(steps("events.out.tfevents.1700000001.kept")).containsExactly("0", "3 start");
    }

    @Test
    void aResumptionThatFindsNoFilesWritesTheStepsOfTheState() throws IOException {
        var curve = new HeldOutCurve(List.of(new HeldOutResult(0, 0, 1, 0), new HeldOutResult(2, 128, 1, 0)));
        open(List.of(step(1), step(2)), curve).close();
        assertThat(steps("events.out.tfevents.1700000000.kept")).containsExactly("0", "0 start", "1", "2", "0", "2");
    }

    @Test
    void aNewRunInTheFolderOfAnEarlierOneCountsFromTheBeginning() throws IOException {
        Files.createDirectories(folder);
        Files.createFile(folder.resolve("events.out.tfevents.1800000000.host.17.0"));
        open(List.of(), HeldOutCurve.EMPTY).close();
        assertThat(steps("events.out.tfevents.1800000001.kept")).containsExactly("0", "0 start");
    }

    @Test
    void aFolderThatCannotBeMadeIsNamed() throws IOException {
        Files.createFile(directory.resolve("runs"));
        assertThatExceptionOfType(TrainingException.class).isThrownBy(() -> open(List.of(), HeldOutCurve.EMPTY))
                .withMessageStartingWith("[tensorboard] " + folder + " cannot be read or written: ");
    }

    private TensorBoardLog open(List<StepMetrics> saved, HeldOutCurve heldOut) {
        return TensorBoardLog.open(folder, saved, heldOut, InstantSource.fixed(Instant.ofEpochSecond(SECONDS, 250_000_000)));
    }

    private static StepMetrics step(long number) {
        return new StepMetrics(number, 9, 1, 1, 1, 1, number * 64, 1);
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    /** The step of each record, and whether a session starts there; {@code theBytesAreThoseOfTensorBoardsOwnWriter} has the rest. */
    private List<String> steps(String name) throws IOException {
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(folder.resolve(name))).order(ByteOrder.LITTLE_ENDIAN);
        List<String> steps = new ArrayList<>();
        while (file.hasRemaining()) {
            byte[] event = new byte[Math.toIntExact(file.getLong())];
            file.getInt();
            file.get(event);
            file.getInt();
            // The time takes nine bytes; then a step below 128, unless it is 0, takes two.
            boolean isLater = event[9] == 0x10;
            boolean starts = new String(event, StandardCharsets.ISO_8859_1).endsWith(":\2\b\1");
            steps.add((isLater ? event[10] : 0) + (starts ? " start" : ""));
        }
        return steps;
    }
}
