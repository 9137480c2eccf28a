package kept.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import kept.Fixtures;
import org.junit.jupiter.api.Test;

/** Damaged files are refused with a {@link CheckpointException} or read within their bounds; nothing else ever happens. */
class SafetensorsFuzzTest {
    private static final int MUTANTS = 5000;
    private static final String JSON = "{}[]\",:0123456789-+.eE \\utrfalsn\0\u007f";

    @Test
    void everyDamagedHeaderIsRefusedOrSound() throws IOException {
        byte[] sound = Files.readAllBytes(Fixtures.path("orion-bf16-sharded/model-00003-of-00003.safetensors"));
        int headerEnd = Math.toIntExact(Long.BYTES + ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong());
        var random = new Random(7);
        int refused = 0;
        for (int i = 0; i < MUTANTS; i++) {
            byte[] mutant = mutate(sound, headerEnd, random);
            try {
                readAll(mutant);
            } catch (CheckpointException e) {
                assertThat(e.getMessage()).startsWith("[safetensors] mutant: ").doesNotContain("\n");
                refused++;
            }
        }
        assertThat(refused).isBetween(MUTANTS / 2, MUTANTS - 1);
    }

    private static void readAll(byte[] content) {
        MemorySegment segment = MemorySegment.ofArray(content);
        long covered = 0;
        for (TensorEntry entry : SafetensorsHeader.read(Path.of("mutant"), segment).entries()) {
            covered += segment.asSlice(entry.offset(), entry.byteSize()).byteSize();
        }
        assertThat(covered).isLessThan(content.length);
    }

    /** A file with one to three edits to its header, its header's length or its own. */
    private static byte[] mutate(byte[] sound, int headerEnd, Random random) {
        byte[] mutant = sound.clone();
        for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
            int place = Long.BYTES + random.nextInt(headerEnd - Long.BYTES);
            switch (random.nextInt(6)) {
                case 0 -> mutant[place] = (byte) random.nextInt(256);
                case 1 -> mutant[place] ^= (byte) (1 << random.nextInt(8));
                case 2 -> mutant[place] = (byte) JSON.charAt(random.nextInt(JSON.length()));
                case 3 -> mutant[random.nextInt(Long.BYTES)] = (byte) random.nextInt(256);
                case 4 -> {
                    int from = Long.BYTES + random.nextInt(headerEnd - Long.BYTES);
                    System.arraycopy(sound, from, mutant, place, Math.min(random.nextInt(40), headerEnd - Math.max(from, place)));
                }
                default -> mutant[place] = (byte) ('0' + random.nextInt(10));
            }
        }
        return random.nextInt(10) == 0 ? Arrays.copyOf(mutant, random.nextInt(mutant.length + 16)) : mutant;
    }
}
