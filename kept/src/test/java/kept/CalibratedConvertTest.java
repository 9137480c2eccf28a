package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import kept.model.DecoderConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** convert --mapping calibrated: what comes out, and bad use. */
class CalibratedConvertTest {
    @TempDir
    private Path directory;

    private ProgramRun convert(Object... more) {
        Object[] basis = {"convert", "--source", directory.resolve("orion"), "--output", directory.resolve("llama")};
        return ProgramRun.of(Stream.of(basis, more).flatMap(Stream::of).toArray());
    }

    @Test
    void aPlainLlamaIsWrittenAndVerifiedAndNothingElseIsLeft() throws IOException {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun run = convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 1024, "--verify");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("verified: 21 tensors", "21 tensors mapped (calibrated), 5 dropped");
        DecoderConfig config = DecoderConfig.read(directory.resolve("llama"));
        assertThat(config.layers()).isEqualTo(2);
        assertThat(config.attentionBias() || config.mlpBias()).isFalse();
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactlyInAnyOrder(directory.resolve("orion"), directory.resolve("llama"), text);
        }
    }

    @Test
    void badUseIsTold() {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun without = convert("--mapping", "calibrated");
        assertThat(without.code()).isEqualTo(2);
        assertThat(without.err()).contains("--mapping calibrated measures on a text: name one with --calibration FILE...");
        ProgramRun useless = convert("--calibration", text);
        assertThat(useless.code()).isEqualTo(2);
        assertThat(useless.err()).contains("are for --mapping calibrated");
        ProgramRun few = convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 50);
        assertThat(few.code()).isEqualTo(1);
        assertThat(few.errorLines()).last().asString().contains("50 tokens are too few for width 16, which needs at least 64");
        ProgramRun negative = convert("--mapping", "calibrated", "--calibration", text, "--ridge", -1);
        assertThat(negative.code()).isEqualTo(2);
        assertThat(directory.resolve("llama")).doesNotExist();
        assertThat(directory.resolve("llama.calibration")).doesNotExist();
    }
}
