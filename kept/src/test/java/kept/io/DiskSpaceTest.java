package kept.io;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class DiskSpaceTest {
    private static final Path OUTPUT = Path.of("llama");

    @Test
    void tellsWhatIsNeededAndWhatIsThere() {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> DiskSpace.require(OUTPUT, 29_000_000_000L, 28_999_999_000L, ""))
            .withMessage("[output] llama: needs 29,000,000,000 bytes, but only 28,999,999,000 are free there; make room for 1,000 more, "
                + "or choose an output on another disk");
        assertThatCode(() -> DiskSpace.require(OUTPUT, 1000, 1000, "")).doesNotThrowAnyException();
    }
}
