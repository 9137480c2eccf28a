package kept.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Checksums are those of the two standards, in whatever pieces the bytes come. */
class ChecksumTest {
    @Test
    void theChecksumsOfTheStandardsCheckString() {
        assertThat(Checksum.of(MemorySegment.ofArray("123456789".getBytes(StandardCharsets.US_ASCII)))).isEqualTo("e3069283cbf43926");
        assertThat(Checksum.of(MemorySegment.ofArray(new byte[0]))).isEqualTo("0000000000000000");
    }

    @Test
    void bytesInPiecesOrInNativeMemoryAndNumbersHaveTheChecksumOfTheirBytes() {
        int[] numbers = new Random(3).ints(800_000).toArray();
        ByteBuffer bytes = ByteBuffer.allocate(numbers.length * Integer.BYTES);
        bytes.asIntBuffer().put(numbers);
        var castagnoli = new CRC32C();
        castagnoli.update(bytes.array());
        var ethernet = new CRC32();
        ethernet.update(bytes.array());
        String expected = "%08x%08x".formatted(castagnoli.getValue(), ethernet.getValue());
        MemorySegment whole = MemorySegment.ofArray(bytes.array());
        assertThat(Checksum.of(whole)).isEqualTo(expected);
        assertThat(Checksum.of(numbers)).isEqualTo(expected);
        try (Arena arena = Arena.ofConfined()) {
            assertThat(Checksum.of(arena.allocate(whole.byteSize()).copyFrom(whole))).isEqualTo(expected);
        }
        var pieces = new Checksum();
        pieces.update(whole.asSlice(0, 5));
        pieces.update(whole.asSlice(5, 2_000_000));
        pieces.update(whole.asSlice(2_000_005));
        assertThat(pieces.digits()).isEqualTo(expected);
        whole.set(ValueLayout.JAVA_BYTE, 1 << 20, (byte) (whole.get(ValueLayout.JAVA_BYTE, 1 << 20) ^ 1));
        assertThat(Checksum.of(whole)).isNotEqualTo(expected);
    }
}
