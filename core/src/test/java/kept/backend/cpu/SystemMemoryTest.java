package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class SystemMemoryTest {
    private static final long LARGE = 5 * SystemMemory.LARGE_PAGE + 4096;

    @Test
    void blocksOfAnySizeAreZerosThatCanBeWritten() {
        for (long bytes : new long[] {64, 4096, SystemMemory.LARGE_PAGE - 1, SystemMemory.LARGE_PAGE, LARGE, LARGE + 1}) {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment block = SystemMemory.allocate(arena, bytes, MemoryPool.ALIGNMENT);
                assertThat(block.byteSize()).isEqualTo(bytes);
                assertThat(block.address() % MemoryPool.ALIGNMENT).isZero();
                assertThat(block.mismatch(MemorySegment.ofArray(new byte[(int) bytes]))).isEqualTo(-1);
                block.fill((byte) 7);
                assertThat(block.get(ValueLayout.JAVA_BYTE, bytes - 1)).isEqualTo((byte) 7);
            }
        }
    }

    @Test
    void anImpossibleSizeIsAnErrorThatSaysIt() {
        try (Arena arena = Arena.ofShared()) {
            assertThatThrownBy(() -> SystemMemory.allocate(arena, 1L << 60, MemoryPool.ALIGNMENT)).isInstanceOf(OutOfMemoryError.class);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aLargeBlockIsAMappingOfItsOwnThatEndsWithItsArena() throws IOException {
        assertThat(NativeView.ENABLED).as("native access, which the build gives the tests").isTrue();
        long address;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment block = SystemMemory.allocate(arena, LARGE, MemoryPool.ALIGNMENT);
            address = block.address();
            assertThat(mapped(address)).isTrue();
            assertThat(address % SystemMemory.LARGE_PAGE).as("whole large pages from its beginning on").isZero();
            if (Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage/enabled"))) {
                assertThat(flags(address)).as("advised to have large pages").contains("hg");
            }
        }
        assertThat(mapped(address)).isFalse();
        assertThat(mapped(address + LARGE - 1)).isFalse();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void machineCodeCanBeExecutedButNoLongerWritten() throws IOException {
        byte[] code = {(byte) 0xc3, 1, 2, 3};
        MemorySegment pages = SystemMemory.executable(code).orElseThrow();
        assertThat(pages.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(code);
        assertThat(flags(pages.address())).contains("rd", "ex").doesNotContain("wr");
    }

    private static boolean mapped(long address) throws IOException {
        return lines().stream().anyMatch(line -> holds(line, address));
    }

    /** What the system notes of the mapping that holds an address. */
    private static List<String> flags(long address) throws IOException {
        List<String> lines = lines();
        int line = 0;
        while (!holds(lines.get(line), address)) {
            line++;
        }
        while (!lines.get(line).startsWith("VmFlags:")) {
            line++;
        }
        return List.of(lines.get(line).split("\\s+"));
    }

    private static List<String> lines() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/smaps"));
    }

    /** Whether a line begins the entry of the mapping that holds an address: "7f00-7fff rw-p ...". */
    private static boolean holds(String line, long address) {
        String range = line.split(" ", 2)[0];
        if (!range.matches("[0-9a-f]+-[0-9a-f]+")) {
            return false;
        }
        String[] ends = range.split("-");
        return Long.compareUnsigned(address, Long.parseUnsignedLong(ends[0], 16)) >= 0
                && Long.compareUnsigned(address, Long.parseUnsignedLong(ends[1], 16)) < 0;
    }
}
