package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LogitChunksTest {
    private static final long VOCABULARY = 84_608;
    private static final long WIDTH = 5120;

    @Test
    void chunksFillRoundsOfTiles() {
        // 13 x 20 and 6 x 20 tiles of the hidden states' gradient in 2, 2 and 1 rounds of 132; three equal chunks would take 2 each.
        assertThat(LogitChunks.rows(4096, VOCABULARY, WIDTH, 1685, 132)).isEqualTo(1664);
        // 8 x 20 tiles take 2 rounds of 108, as 10 x 20 do.
        assertThat(LogitChunks.rows(4096, VOCABULARY, WIDTH, 1685, 108)).isEqualTo(1280);
    }

    @Test
    void aChunkIsAMultipleOfATileUnlessMemoryAllowsLess() {
        assertThat(LogitChunks.rows(100, 32, 16, 1 << 20, 132)).isEqualTo(2048);
        for (long most : new long[] {128, 129, 255, 256, 1000, 5000}) {
            long chunk = LogitChunks.rows(5000, VOCABULARY, WIDTH, most, 132);
            assertThat(chunk % 128).isZero();
            assertThat(chunk).isBetween(128L, Math.min(most, 2048));
        }
        assertThat(LogitChunks.rows(4096, VOCABULARY, WIDTH, 100, 132)).isEqualTo(100);
        assertThat(LogitChunks.rows(4096, VOCABULARY, WIDTH, 10, 132)).isEqualTo(64);
    }
}
