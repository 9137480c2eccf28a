package kept.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import kept.Fixtures;
import kept.io.FileException;
import kept.model.DecoderConfig;
import kept.safetensors.SafetensorsBytes;
import kept.torch.ZipBytes;
import kept.weights.ShardIndex;
import kept.weights.StoredType;
import kept.weights.TensorEntry;
import kept.weights.TensorReading;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Files with random damage to what describes their content: they are refused with a {@link FileException} or read within their bounds, in
 * time and memory proportional to their length. {@code -Dkept.thorough} tries {@value #THOROUGH_MUTANTS} of each kind instead of {@value #MUTANTS};
 * {@code -Dkept.fuzz.mutants=N} N, with other seeds.
 */
class HostileFilesTest {
    private static final int MUTANTS = 4_000;
    private static final int THOROUGH_MUTANTS = 24_000;
    private static final int CHOSEN = Integer.getInteger("kept.fuzz.mutants", Boolean.getBoolean("kept.thorough") ? THOROUGH_MUTANTS : MUTANTS);
    /** What reading may allocate, in bytes for each byte of the file, and besides. */
    private static final long BYTES_PER_BYTE = 200;
    private static final long BYTES_BESIDES = 2_000_000;
    /** What is likely to be taken for something: brackets, digits, opcodes, escapes. */
    private static final byte[] TELLING = "{}[]\",:0123456789-+.eE \\utrfalsn(.tqhRcQbXK\0\u007f".getBytes(StandardCharsets.ISO_8859_1);

    @TempDir
    private Path folder;

    /** A kind of file: a sound one, the part of it that is damaged, and how it is read. */
    private enum Kind {
        SAFETENSORS_HEADER("orion-bf16-sharded/model-00003-of-00003.safetensors") {
            @Override
            int[] part(byte[] sound) {
                return new int[] {0, Math.toIntExact(Long.BYTES + ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong())};
            }

            @Override
            void read(byte[] mutant, Path folder) {
                MemorySegment content = MemorySegment.ofArray(mutant);
                touch(content, SafetensorsBytes.entries(folder, content));
            }
        },
        PICKLE("orion-torch-bin/pytorch_model-00001-of-00002.bin") {
            @Override
            int[] part(byte[] sound) {
                return ZipBytes.place(sound, "pytorch_model-00001-of-00002/data.pkl");
            }

            @Override
            void read(byte[] mutant, Path folder) {
                MemorySegment content = MemorySegment.ofArray(mutant);
                touch(content, ZipBytes.tensors(folder, content));
            }
        },
        LEGACY_PICKLES("kept/torch/views-legacy.bin") {
            @Override
            byte[] sound() throws IOException {
                try (var file = HostileFilesTest.class.getResourceAsStream("/" + fixture())) {
                    return file.readAllBytes();
                }
            }

            @Override
            void read(byte[] mutant, Path folder) {
                MemorySegment content = MemorySegment.ofArray(mutant);
                List<TensorEntry> entries = ZipBytes.tensors(folder, content);
                touch(content, entries);
                // Views are put in order, which must not read beyond them either.
                entries.stream().filter(entry -> entry.type() != StoredType.U8).filter(entry -> entry.type().dtype().isPresent()).forEach(entry ->
                    TensorReading.of(entry, content.asSlice(entry.offset(), entry.byteSize()), Arena.ofAuto()));
            }
        },
        ZIP_DIRECTORY("orion-torch-bin/pytorch_model-00001-of-00002.bin") {
            @Override
            int[] part(byte[] sound) {
                return new int[] {sound.length - 2500, sound.length};
            }

            @Override
            void read(byte[] mutant, Path folder) {
                PICKLE.read(mutant, folder);
            }
        },
        INDEX("orion-bf16-sharded/model.safetensors.index.json") {
            @Override
            void read(byte[] mutant, Path folder) {
                Path file = write(folder.resolve(ShardIndex.FILE), mutant);
                ShardIndex.read(file).values().forEach(shard ->
                    assertThat(folder.resolve(shard).normalize().getParent()).isEqualTo(folder.normalize()));
            }
        },
        CONFIG("orion-long-rope/config.json") {
            @Override
            void read(byte[] mutant, Path folder) {
                DecoderConfig.read(write(folder.resolve("config.json"), mutant));
            }
        };

        private final String fixture;

        Kind(String fixture) {
            this.fixture = fixture;
        }

        /** From where to where the file is damaged. */
        int[] part(byte[] sound) {
            return new int[] {0, sound.length};
        }

        /** The file as it was written. */
        byte[] sound() throws IOException {
            return Files.readAllBytes(Fixtures.path(fixture));
        }

        String fixture() {
            return fixture;
        }

        abstract void read(byte[] mutant, Path folder);

        private static void touch(MemorySegment content, List<TensorEntry> entries) {
            long bytes = 0;
            for (TensorEntry entry : entries) {
                MemorySegment data = content.asSlice(entry.offset(), entry.byteSize());
                bytes += data.byteSize() == 0 ? 0 : data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1) & 1;
            }
            assertThat(bytes).isLessThanOrEqualTo(entries.size());
        }

        private static Path write(Path file, byte[] bytes) {
            try {
                return Files.write(file, bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void damageIsAnErrorOrHarmless(Kind kind) throws IOException, ReflectiveOperationException {
        byte[] sound = kind.sound();
        int[] part = kind.part(sound);
        kind.read(sound, folder);
        var random = new Random(Integer.getInteger("kept.fuzz.mutants", 7));
        int refused = 0;
        for (int i = 0; i < CHOSEN; i++) {
            byte[] mutant = mutate(sound, part[0], part[1], random);
            long before = allocated();
            try {
                kind.read(mutant, folder);
            } catch (FileException e) {
                assertThat(e.getMessage()).startsWith("[").contains("] " + folder).doesNotContain("\n");
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("mutant %d of %s (%08x): %s".formatted(i, kind, checksum(mutant), e), e);
            }
            assertThat(allocated() - before).as("bytes allocated for mutant %d", i).isLessThan(BYTES_BESIDES + BYTES_PER_BYTE * mutant.length);
        }
        assertThat(refused).as("some damage is seen and some does no harm").isBetween(CHOSEN / 10, CHOSEN - 1);
    }

    /** A file with one to three edits, and now and then cut off or lengthened. */
    private static byte[] mutate(byte[] sound, int start, int end, Random random) {
        byte[] mutant = sound.clone();
        for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
            int place = start + random.nextInt(end - start);
            switch (random.nextInt(7)) {
                case 0 -> mutant[place] = (byte) random.nextInt(256);
                case 1 -> mutant[place] ^= (byte) (1 << random.nextInt(8));
                case 2 -> mutant[place] = TELLING[random.nextInt(TELLING.length)];
                case 3 -> mutant[start + random.nextInt(Math.min(Long.BYTES, end - start))] = (byte) random.nextInt(256);
                case 4 -> {
                    int from = start + random.nextInt(end - start);
                    System.arraycopy(sound, from, mutant, place, Math.min(random.nextInt(40), end - Math.max(from, place)));
                }
                case 5 -> Arrays.fill(mutant, place, Math.min(end, place + 1 + random.nextInt(Long.BYTES)), (byte) (random.nextBoolean() ? 0xff : 0));
                default -> mutant[place] = (byte) ('0' + random.nextInt(10));
            }
        }
        return random.nextInt(10) == 0 ? Arrays.copyOf(mutant, random.nextInt(mutant.length + 16)) : mutant;
    }

    private static long checksum(byte[] bytes) {
        var sum = new CRC32();
        sum.update(bytes);
        return sum.getValue();
    }

    /** Bytes that this thread has allocated so far; by reflection, since the module under test does not read {@code jdk.management}. */
    private static long allocated() throws ReflectiveOperationException {
        return (long) Allocation.BYTES.invoke(Allocation.BEAN);
    }

    /** The counter of the JVM. */
    private static final class Allocation {
        private static final Object BEAN = bean();
        private static final Method BYTES = method();

        private static Object bean() {
            try {
                return Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(e);
            }
        }

        private static Method method() {
            try {
                return Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes");
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(e);
            }
        }
    }
}
