package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostLimitsTest {
    private static final String SECOND = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    private static final String FIRST = """
            31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
            33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            35 31 0:32 / /sys/fs/cgroup/memory rw shared:4 - cgroup cgroup rw,memory
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            """;

    @TempDir
    private Path root;

    private void file(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private HostLimits limits(int available) {
        return new HostLimits(root, available);
    }

    private long memory() {
        return limits(1).memory().orElseThrow();
    }

    private void machine(long bytes) throws IOException {
        file("proc/meminfo", "MemTotal:       %d kB\nMemFree:         17 kB\n".formatted(bytes >> 10));
    }

    private void allowed(String list) throws IOException {
        file("proc/self/status", "Name:\tjava\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\nMems_allowed_list:\t0\n".formatted(list));
    }

    /** Of four cores with two hardware threads each: processors 0 and 4 are threads of one core. */
    @ParameterizedTest
    @CsvSource({
        "0-7, 8, 4", "0-3, 4, 4", "'0,4', 2, 1", "'0-1,4-5,7', 5, 3", "6, 1, 1",
        // A quota of the control group, which Java knows.
        "0-7, 2, 2", "0-7, 1, 1",
    })
    void hardwareThreadsOfACoreCountOnce(String allowed, int available, int expected) throws IOException {
        for (int processor = 0; processor < 8; processor++) {
            file("sys/devices/system/cpu/cpu%d/topology/core_cpus_list".formatted(processor), "%d,%d\n".formatted(processor % 4, processor % 4 + 4));
        }
        allowed(allowed);
        assertThat(limits(available).processors()).isEqualTo(expected);
    }

    @Test
    void theFormerNameOfTheTopologyIsKnown() throws IOException {
        for (int processor = 0; processor < 4; processor++) {
            file("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list".formatted(processor), processor < 2 ? "0-1\n" : "2-3\n");
        }
        allowed("0-3");
        assertThat(limits(4).processors()).isEqualTo(2);
    }

    @Test
    void withoutTopologyJavasNumberCounts() throws IOException {
        assertThat(limits(6).processors()).as("no Linux").isEqualTo(6);
        allowed("0-7");
        assertThat(limits(6).processors()).as("no sysfs").isEqualTo(6);
        for (String damaged : new String[] {"", "x", "0-", "3-1"}) {
            allowed(damaged);
            assertThat(limits(6).processors()).as("processors '%s'", damaged).isEqualTo(6);
        }
    }

    @Test
    void theCoresOfAnotherProcessAreCounted() throws IOException {
        file("proc/17/status", "Cpus_allowed_list:\t0-2\n");
        assertThat(limits(1).coresOf(17)).isEqualTo(3);
        assertThat(limits(1).coresOf(18)).isZero();
    }

    @Test
    void memoryIsUnknownWhereNoFileTells() throws IOException {
        assertThat(limits(1).memory()).isEmpty();
        assertThat(limits(1).usableMemory()).isEmpty();
        file("proc/meminfo", "nothing here\n");
        assertThat(limits(1).memory()).isEmpty();
    }

    @Test
    void aTenthOfTheMemoryIsLeft() throws IOException {
        machine(1 << 20);
        assertThat(memory()).isEqualTo(1 << 20);
        assertThat(limits(1).usableMemory().orElseThrow()).isBetween((1 << 20) * 9L / 10 - 9, (1 << 20) * 9L / 10);
    }

    @Test
    void theLeastLimitOfNestedGroupsCounts() throws IOException {
        machine(64L << 30);
        file("proc/self/mountinfo", SECOND);
        file("proc/self/cgroup", "0::/user.slice/job/step\n");
        assertThat(memory()).as("groups without files").isEqualTo(64L << 30);
        file("sys/fs/cgroup/user.slice/job/step/memory.max", "max\n");
        assertThat(memory()).isEqualTo(64L << 30);
        file("sys/fs/cgroup/user.slice/job/memory.max", "3000000000\n");
        file("sys/fs/cgroup/user.slice/memory.max", "5000000000\n");
        assertThat(memory()).isEqualTo(3_000_000_000L);
        file("sys/fs/cgroup/user.slice/job/step/memory.max", "2000000000\n");
        assertThat(memory()).isEqualTo(2_000_000_000L);
        file("sys/fs/cgroup/user.slice/other/memory.max", "1\n");
        assertThat(memory()).as("another group").isEqualTo(2_000_000_000L);
    }

    @Test
    void aLimitAboveTheMachinesMemoryIsNone() throws IOException {
        machine(1 << 30);
        file("proc/self/mountinfo", FIRST);
        file("proc/self/cgroup", "4:memory:/\n0::/\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertThat(memory()).isEqualTo(1 << 30);
    }

    @Test
    void groupsOfTheFirstVersionAreRead() throws IOException {
        machine(1 << 30);
        file("proc/self/mountinfo", FIRST);
        file("proc/self/cgroup", "9:name=systemd:/x\n4:memory:/a/b\n3:cpuset:/a\n0::/c\n");
        file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "400000000\n");
        file("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/cpu,cpuacct/a/memory.limit_in_bytes", "1\n");
        file("sys/fs/cgroup/unified/c/memory.limit_in_bytes", "1\n");
        assertThat(memory()).isEqualTo(400_000_000L);
    }

    /** In a container the mount shows a part of the tree, or the process's path is that of the host. */
    @ParameterizedTest
    @CsvSource({"/docker/abc, /docker/abc", "/docker/abc/inner, /docker/abc", "/, /docker/abc", "/../../other, /", "/docker/abcd, /docker/abc"})
    void theGroupOfAContainerIsFound(String group, String mounted) throws IOException {
        machine(1 << 30);
        file("proc/self/mountinfo", "30 23 0:26 %s /sys/fs/cgroup ro - cgroup2 cgroup rw\n".formatted(mounted));
        file("proc/self/cgroup", "0::%s\n".formatted(group));
        file("sys/fs/cgroup/memory.max", "700000000\n");
        file("memory.max", "1\n");
        assertThat(memory()).isEqualTo(700_000_000L);
    }

    @Test
    void aMountPointWithASpaceIsFound() throws IOException {
        machine(1 << 30);
        file("proc/self/mountinfo", "30 23 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n");
        file("proc/self/cgroup", "0::/a\n");
        file("mnt/my groups/a/memory.max", "700000000\n");
        assertThat(memory()).isEqualTo(700_000_000L);
    }

    @Test
    void damagedLinesAreNoLimits() throws IOException {
        machine(1 << 30);
        file("proc/self/mountinfo", "\n30 23 - cgroup2\n1 2 3 4 5 6 - cgroup2 x\n- - -\n" + SECOND);
        file("proc/self/cgroup", "\n0\n0:\n0::/a\n");
        file("sys/fs/cgroup/a/memory.max", "many\n\n");
        file("sys/fs/cgroup/memory.max", "600000000\n");
        assertThat(memory()).isEqualTo(600_000_000L);
    }
}
