package kept.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import kept.distributed.Communicator;
import kept.distributed.Leaves;
import kept.distributed.TreeSum;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.Tensor;

/** Gradients that every rank has whole: after a step each parameter has its gradient of all passes of all ranks. */
final class WholeGradients implements StepGradients {
    private final Decoder model;
    private final AdamW optimizer;
    private final SequencedMap<String, Parameter> parameters;
    private final GradientReduction reduction;
    private final boolean isByEngine;
    private final Communicator ranks;
    private final Leaves passes;
    private final Map<String, TreeSum> sums = new LinkedHashMap<>();

    WholeGradients(Decoder model, TrainingOptions options, Communicator ranks) {
        this.model = model;
        this.optimizer = new AdamW(model.parameters(), options.adamW(), AdamW.Decay.MATRICES, options.storage());
        this.parameters = optimizer.parameters();
        this.reduction = options.reduction();
        this.isByEngine = StepGradients.engine(model, options, ranks).isPresent();
        this.ranks = ranks;
        this.passes = Leaves.of(options.accumulation(), ranks.size());
    }

    @Override
    public AdamW optimizer() {
        return optimizer;
    }

    @Override
    public TrainedTensors trained() {
        return TrainedTensors.of(optimizer);
    }

    /** A run of passes, whose gradients this rank adds by itself. */
    @Override
    public List<Turn> turns() {
        return IntStream.range((int) passes.first(ranks.rank()), (int) passes.end(ranks.rank())).mapToObj(pass -> new Turn(pass, true)).toList();
    }

    @Override
    public void backward(Turn turn) {
        // Nothing is done while the pass runs.
    }

    @Override
    public void add(Turn turn) {
        if (reduction == GradientReduction.SERIAL) {
            return;
        }
        parameters.forEach((name, parameter) -> {
            if (parameter.gradient() != null && !sums.computeIfAbsent(name, _ -> new TreeSum(passes.size(ranks.rank()))).add(parameter.gradient())) {
                parameter.value().clearGradient();
            }
        });
    }

    @Override
    public void finish() {
        if (ranks.size() > 1) {
            parameters.values().stream().filter(parameter -> parameter.gradient() != null)
                    .forEach(parameter -> sum(parameter.gradient()));
        }
    }

    private void sum(Tensor gradient) {
        if (isByEngine) {
            ranks.allReduceByEngine(gradient);
        } else {
            ranks.allReduce(gradient, passes);
        }
    }

    @Override
    public GradientClipping clipping(double limit) {
        return GradientClipping.globalNorm(model.parameters().values(), limit);
    }

    @Override
    public Optional<String> nonFinite() {
        SequencedMap<String, Tensor> all = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> all.put(name, parameter.gradient()));
        return NonFinite.first("the gradient of", all);
    }

    @Override
    public void update(double learningRate, double scale) {
        optimizer.step(learningRate, scale);
        optimizer.clearGradients();
    }

    @Override
    public void clearMoments(long steps) {
        optimizer.clearMoments(steps);
    }

    @Override
    public void clear() {
        optimizer.clearGradients();
        sums.values().forEach(TreeSum::close);
        sums.clear();
    }

    @Override
    public void close() {
        sums.values().forEach(TreeSum::close);
        optimizer.close();
    }
}
