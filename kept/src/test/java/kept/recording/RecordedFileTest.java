package kept.recording;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import kept.autograd.FactoredLogits;
import kept.io.FileException;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of a recording give what was put in. */
class RecordedFileTest {
    private static final int ROWS = 30;

    @TempDir
    private Path directory;

    private static TokenRows recorded(RecordedForm form, int vocabulary) {
        try (var _ = Scope.open()) {
            return new LogitRecorder(form, 1, 0).rows(new FactoredLogits(Tensor.normal(1, 1, ROWS, 4), Tensor.normal(2, 1, vocabulary, 4)), 0);
        }
    }

    /** The rounding to f16 and the division by the sum move a probability by less than a thousandth, and the rest as much. */
    @ParameterizedTest
    @CsvSource({"3,5", "64,200", "64,70000", "5,5"})
    void mostLikelyTokensComeBackRoundedAndSumToOne(int k, int vocabulary) {
        RecordedForm form = RecordedForm.topK(k);
        TokenRows rows = recorded(form, vocabulary);
        Path path = directory.resolve("file");
        RecordedFile.write(path, form, vocabulary, rows);
        try (RecordedFile file = RecordedFile.open(path, form, vocabulary, ROWS)) {
            TokenRows found = file.rows(0, ROWS);
            assertThat(found.tokens()).containsExactly(rows.tokens());
            for (int i = 0; i < found.probabilities().length; i++) {
                assertThat(found.probabilities()[i]).isCloseTo(rows.probabilities()[i], Offset.offset(1e-3f * rows.probabilities()[i] + 6e-8f));
            }
            for (int row = 0; row < ROWS; row++) {
                double sum = found.rest()[row];
                double entropy = found.rest()[row] == 0 ? 0 : -found.rest()[row] * Math.log(found.rest()[row]);
                for (int i = row * k; i < (row + 1) * k; i++) {
                    sum += found.probabilities()[i];
                    entropy -= found.probabilities()[i] == 0 ? 0 : found.probabilities()[i] * Math.log(found.probabilities()[i]);
                }
                assertThat(sum).isCloseTo(1, Offset.offset(1e-6));
                assertThat((double) found.entropies()[row]).isCloseTo(entropy, Offset.offset(1e-6));
                assertThat(found.rest()[row]).isCloseTo(rows.rest()[row], Offset.offset(1e-3f * rows.rest()[row]));
            }
            assertThat(file.rows(7, 4).tokens()).containsExactly(Arrays.copyOfRange(rows.tokens(), 7 * k, 11 * k));
        }
    }

    @ParameterizedTest
    @CsvSource({"1,5", "64,200", "300,200", "64,70000", "1000,70000"})
    void samplesComeBackAsTheyWere(int draws, int vocabulary) {
        RecordedForm form = RecordedForm.samples(draws);
        TokenRows rows = recorded(form, vocabulary);
        Path path = directory.resolve("file");
        RecordedFile.write(path, form, vocabulary, rows);
        try (RecordedFile file = RecordedFile.open(path, form, vocabulary, ROWS)) {
            assertThat(file.rows(0, ROWS)).isEqualTo(rows);
            TokenRows joined = file.rows(0, 11).and(file.rows(11, ROWS - 11));
            assertThat(joined).isEqualTo(rows);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 70_000})
    void aTokenOfTextTakesTheBytesOfTheFormula(int vocabulary) throws IOException {
        RecordedForm form = RecordedForm.topK(32);
        Path path = directory.resolve("file");
        RecordedFile.write(path, form, vocabulary, recorded(form, vocabulary));
        long header = Files.size(path) - ROWS * form.bytesPerToken(vocabulary);
        assertThat(header).isBetween(200L, 1500L);
        assertThat(form.bytesPerToken(vocabulary)).isEqualTo(32L * (vocabulary == 200 ? 4 : 5) + 4);
    }

    @Test
    void aDamagedFileAndOneOfOtherRowsAreRefused() throws IOException {
        RecordedForm form = RecordedForm.topK(3);
        Path path = directory.resolve("file");
        RecordedFile.write(path, form, 200, recorded(form, 200));
        assertThatThrownBy(() -> RecordedFile.open(path, form, 200, ROWS + 1)).isInstanceOf(FileException.class)
                .hasMessageContaining("has no tensor tokens of the shape [31, 3, 2]");
        assertThatThrownBy(() -> RecordedFile.open(path, RecordedForm.samples(3), 200, ROWS)).isInstanceOf(FileException.class);
        byte[] bytes = Files.readAllBytes(path);
        bytes[bytes.length - 5] ^= 1;
        Files.write(path, bytes);
        assertThatThrownBy(() -> RecordedFile.open(path, form, 200, ROWS)).isInstanceOf(FileException.class).hasMessageContaining("checksum");
    }

    @Test
    void filesHaveAllSequencesOnce() {
        for (long sequences : new long[] {1, 31, 4096, 5000}) {
            var layout = new RecordingLayout(RecordedForm.topK(64), 84_608, 16, sequences);
            long sum = 0;
            for (int file = 0; file < layout.files(); file++) {
                assertThat(layout.first(file)).isEqualTo(sum);
                sum += layout.sequencesOf(file);
            }
            assertThat(sum).isEqualTo(sequences);
        }
        var wide = new RecordingLayout(RecordedForm.topK(65_535), 84_608, 4096, 10);
        assertThat(wide.fileSequences()).isOne();
    }
}
