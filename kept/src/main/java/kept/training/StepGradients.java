package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.distributed.Communicator;
import kept.distributed.Leaves;
import kept.distributed.TreeSum;
import kept.nn.Parameter;

/**
 * The gradients of a step, from those of its passes, which the ranks share. After a step each parameter has its gradient of all passes of all ranks.
 */
final class StepGradients implements AutoCloseable {
    private final SequencedMap<String, Parameter> parameters;
    private final GradientReduction reduction;
    private final Communicator ranks;
    private final Leaves passes;
    private final Map<String, TreeSum> sums = new LinkedHashMap<>();

    /**
     * Prepares the sums of a step.
     *
     * @param parameters those that are trained
     * @param options of the run
     * @param ranks this rank and the others
     */
    StepGradients(SequencedMap<String, Parameter> parameters, TrainingOptions options, Communicator ranks) {
        this.parameters = parameters;
        this.reduction = options.reduction();
        this.ranks = ranks;
        this.passes = Leaves.of(options.accumulation(), ranks.size());
    }

    /**
     * Checks that ranks can share the passes of a step.
     *
     * @throws TrainingException if there are ranks without a pass, or several where gradients are added one after another
     */
    static void check(TrainingOptions options, Communicator ranks) {
        if (ranks.size() > options.accumulation()) {
            throw new TrainingException(("[training] %d ranks share the passes of a step, and --accumulation is %d; give at least one pass to each, "
                    + "such as --batch-size 1 --accumulation %d").formatted(
                            ranks.size(), options.accumulation(), Math.max(ranks.size(), (long) options.batchSize() * options.accumulation())));
        }
        if (ranks.size() > 1 && options.reduction() == GradientReduction.SERIAL) {
            throw new TrainingException("[training] --reduction serial adds the gradients of one rank; %d ranks need tree".formatted(ranks.size()));
        }
    }

    /** Whether this rank does a pass of the step. */
    boolean isOwn(int pass) {
        return pass >= passes.first(ranks.rank()) && pass < passes.end(ranks.rank());
    }

    /** Takes the parameters' gradients, which are those of this rank's next pass alone, and frees those that do not hold the sum. */
    void add() {
        if (reduction == GradientReduction.SERIAL) {
            return;
        }
        parameters.forEach((name, parameter) -> {
            if (parameter.gradient() != null && !sums.computeIfAbsent(name, _ -> new TreeSum(passes.size(ranks.rank()))).add(parameter.gradient())) {
                parameter.value().clearGradient();
            }
        });
    }

    /** Adds the gradients of the other ranks' passes, after this rank's last one. */
    void finish() {
        if (ranks.size() > 1) {
            parameters.values().stream().filter(parameter -> parameter.gradient() != null)
                    .forEach(parameter -> ranks.allReduce(parameter.gradient(), passes));
        }
    }

    /** Drops the sums of passes of a step that is not finished. */
    void clear() {
        sums.values().forEach(TreeSum::close);
        sums.clear();
    }

    @Override
    public void close() {
        clear();
    }
}
