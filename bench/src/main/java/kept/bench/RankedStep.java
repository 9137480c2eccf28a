package kept.bench;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import kept.training.StepPlan;

/**
 * An XKD step that ranks may share.
 *
 * @param size size of the models and shape of a pass's batch
 * @param passes passes of a step, on all ranks together
 * @param sharding what lies divided over the ranks
 */
record RankedStep(XkdSteps.Size size, int passes, Sharding sharding) {
    private static final String SEPARATOR = ",";

    /** The step as an argument of {@link RankProgram}. */
    String argument() {
        return IntStream.of(size.hidden(), size.layers(), size.heads(), size.intermediate(), size.vocabulary(), size.sequence(), size.batch(), passes,
                sharding.ordinal()).mapToObj(Integer::toString).collect(Collectors.joining(SEPARATOR));
    }

    /** The step of an {@link #argument}. */
    static RankedStep of(String argument) {
        int[] numbers = Arrays.stream(argument.split(SEPARATOR)).mapToInt(Integer::parseInt).toArray();
        return new RankedStep(new XkdSteps.Size(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]), numbers[7],
                Sharding.values()[numbers[8]]);
    }

    RankedStep with(Sharding other) {
        return new RankedStep(size, passes, other);
    }

    /** Tokens of a step. */
    long tokens() {
        return (long) passes * size.batch() * size.sequence();
    }

    /** What a rank is expected to hold and to send. */
    StepPlan plan(int ranks) {
        DecoderConfig teacher = size.config(Architecture.ORION);
        return new StepPlan(teacher, DType.F32.bytes() * StepPlan.bytesByConfig(teacher) / teacher.dtype().bytes(), size.config(Architecture.LLAMA),
                ParameterSelection.parse("all"), size.batch(), passes, size.sequence(), false, StepPlan.Precision.on(Device.cpu(), DType.F32, false),
                GradientReduction.TREE, new StepPlan.Shares(ranks, sharding), 0);
    }
}
