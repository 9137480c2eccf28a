package kept.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import kept.distributed.Communicator;
import kept.distributed.ThreadRanks;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import org.junit.jupiter.api.Test;

/** Which device a rank of a machine has. */
class RankDeviceTest {
    private static final List<String> EIGHT = List.of("cpu", "cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:4", "cuda:5", "cuda:6", "cuda:7");

    @Test
    void eachRankOfAMachineHasAGpuOfItsOwn() {
        for (int rank = 0; rank < 8; rank++) {
            assertThat(RankDevice.ofRank("cuda", EIGHT, rank, 8)).isEqualTo("cuda:" + rank);
        }
        assertThat(RankDevice.ofRank("cuda", EIGHT, 1, 2)).isEqualTo("cuda:1");
    }

    /** As Slurm does with --gpus-per-task: the GPU of each has the index 0. */
    @Test
    void whereTheLauncherShowsEachRankOneGpuThatIsItsOwn() {
        assertThat(RankDevice.ofRank("cuda", List.of("cpu", "cuda"), 3, 4)).isEqualTo("cuda");
    }

    @Test
    void moreRanksThanGpusAreRefused() {
        assertThatThrownBy(() -> RankDevice.ofRank("cuda", List.of("cpu", "cuda:0", "cuda:1"), 0, 3)).isInstanceOf(DeviceException.class)
                .hasMessage("[device] 3 ranks on a machine with 2 devices cuda: start at most one rank for each");
    }

    @Test
    void aNamedDeviceAndTheCpuAreTakenAsTheyAre() {
        List<Device> devices = ThreadRanks.run(2, ranks -> RankDevice.open("cpu", ranks, new PrintWriter(new StringWriter())));
        assertThat(devices).containsOnly(Device.cpu());
        assertThatThrownBy(() -> RankDevice.open("cuda:77", Communicator.single(), new PrintWriter(new StringWriter())))
                .isInstanceOf(DeviceException.class);
    }

    /** This machine has no GPU, or all ranks one. */
    @Test
    void autoIsTheSameInAllRanks() {
        var notes = new StringWriter();
        List<Boolean> onCpu = ThreadRanks.run(3,
                ranks -> RankDevice.open("auto", ranks, new PrintWriter(ranks.rank() == 0 ? notes : new StringWriter(), true)) == Device.cpu());
        assertThat(onCpu.stream().distinct()).hasSize(1);
        if (onCpu.getFirst()) {
            assertThat(notes.toString()).startsWith("--device auto: on the CPU, since cuda cannot be used: ").hasLineCount(1);
        }
    }
}
