package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.cuda.JoinedCudaProvider;
import kept.distributed.Communicator;
import kept.distributed.Ranks;
import kept.distributed.ThreadRanks;
import kept.run.DistillationRun;
import kept.run.MappingChoice;
import kept.run.Progress;
import kept.run.TrainingSettings;
import kept.tensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Distillation on several virtual GPUs, one for each rank, joined by NCCL: the files are those of one GPU. */
class VirtualGpuRanksTest {
    private static final boolean THOROUGH = Boolean.getBoolean("kept.thorough");
    private static final int STEPS = THOROUGH ? 2 : 1;

    private static final int PASSES = THOROUGH ? 4 : 2;
    private static final int LENGTH = THOROUGH ? 8 : 4;

    @TempDir
    private Path directory;
    private TinyPrograms programs;

    @BeforeEach
    void prepare() throws IOException {
        programs = new TinyPrograms(directory);
    }

    /** In the short form two devices, in the thorough one (-Dkept.thorough) more steps, and three and four devices too. */
    static List<Arguments> cases() {
        Arguments two = Arguments.of(2, true);
        return THOROUGH ? List.of(two, Arguments.of(3, false), Arguments.of(4, true)) : List.of(two);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theFilesAreThoseOfOneGpu(int ranks, boolean isShort) throws IOException {
        distil(1, "one", isShort);
        long before = JoinedCudaProvider.machine().nccl().bytes();
        List<Long> sent = distil(ranks, "several", isShort);
        for (String name : new String[] {"model.safetensors", "config.json"}) {
            assertThat(directory.resolve("several").resolve(name)).hasSameBinaryContentAs(directory.resolve("one").resolve(name));
        }
        // Gradients and states go by NCCL; orders, token ids and losses through the host.
        long byNccl = JoinedCudaProvider.machine().nccl().bytes() - before;
        long all = sent.stream().mapToLong(bytes -> bytes).sum();
        assertThat(byNccl).isBetween(all * 9 / 10, all - 1);
        assertThat(byNccl).isGreaterThan(Files.size(directory.resolve("one/model.safetensors")));
    }

    /** Returns the bytes that each rank has sent. */
    private List<Long> distil(int ranks, String output, boolean isShort) {
        return ThreadRanks.run(ranks, hosts -> {
            var device = JoinedCudaProvider.device(hosts.rank());
            try (Communicator joined = Ranks.linked(hosts, device)) {
                var training = new TrainingSettings().sequenceLength(LENGTH).batchSize(1).accumulation(PASSES).saveEvery(0).learningRate(3e-3);
                DistillationRun run = DistillationRun.of(programs.teacher(), directory.resolve(output)).corpus(programs.text())
                        .mapping(MappingChoice.of("opm")).tokens(STEPS * (long) PASSES * LENGTH).evaluationTokens(LENGTH).device(device)
                        .training(isShort ? training.trainDtype(DType.BF16).moments8Bit(true) : training).ranks(joined);
                if (hosts.rank() == 0) {
                    run.run(Progress.NONE);
                } else {
                    run.follow(Progress.NONE);
                }
                return joined.bytesSent();
            }
        });
    }
}
