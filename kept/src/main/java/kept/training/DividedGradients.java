package kept.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.IntStream;
import kept.backend.BlockCodes;
import kept.distributed.Communicator;
import kept.distributed.DividedSum;
import kept.distributed.DividedTensor;
import kept.distributed.DividedTensors;
import kept.distributed.Division;
import kept.model.Decoder;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Gradients and moments that lie divided over the ranks. In each round of passes every rank does one, and as the backward pass leaves a layer, the
 * gradients of that layer are sent to the ranks that keep their parts and are freed. The passes of a round follow one another, so that a rank adds
 * them at once, in the tree over all passes of the step, unless an engine adds those of a round. Where passes are left over, some ranks do one that
 * others do too: they have to take part in what a pass gathers.
 */
final class DividedGradients implements StepGradients {
    private final DividedWeights student;
    private final Communicator ranks;
    private final int passes;
    private final boolean isByEngine;
    private final AdamW optimizer;
    private final DividedTensors moments;
    private final TrainedTensors trained;
    /** The trained parameters by their group and name. */
    private final List<SequencedMap<String, Parameter>> groups = new ArrayList<>();
    private final Map<String, DividedSum> sums = new LinkedHashMap<>();
    /** Null outside of backward passes. */
    private Turn turn;
    /** The parameters whose gradients of this pass have been taken. */
    private final Set<String> taken = new HashSet<>();
    /** The sums of squares of the chunks of each gradient of the last step. */
    private final SequencedMap<String, double[]> squares = new LinkedHashMap<>();

    DividedGradients(Decoder model, TrainingOptions options, TrainingRanks all) {
        student = all.dividedStudent();
        ranks = all.communicator();
        passes = options.accumulation();
        isByEngine = StepGradients.engine(model, options, ranks).isPresent();
        List<AdamW.Part> parts = new ArrayList<>();
        model.parameters().forEach((name, parameter) -> {
            if (parameter.isTrainable()) {
                parts.add(part(name, parameter));
                put(student.group(name), name, parameter);
            }
        });
        optimizer = AdamW.ofParts(parts, options.adamW(), options.storage());
        moments = all.divideMoments();
        trained = trainedTensors();
        student.tensors().onUse(this::using);
    }

    private AdamW.Part part(String name, Parameter whole) {
        DividedTensor divided = student.parameters().get(name);
        var part = new Parameter(divided.part()).setGradientType(whole.gradientType()).setTrainable(true);
        return new AdamW.Part(name, part, divided.whole().shape(), divided.division().begin(ranks.rank()));
    }

    private void put(int group, String name, Parameter parameter) {
        while (groups.size() <= group) {
            groups.add(new LinkedHashMap<>());
        }
        groups.get(group).put(name, parameter);
    }

    private TrainedTensors trainedTensors() {
        SequencedMap<String, Tensor> values = new LinkedHashMap<>();
        SequencedMap<String, AdamW.Moments> wholes = new LinkedHashMap<>();
        int group = 0;
        for (Map.Entry<String, AdamW.Moments> entry : optimizer.moments().entrySet()) {
            Tensor whole = student.parameters().get(entry.getKey()).whole();
            values.put(entry.getKey(), whole);
            wholes.put(entry.getKey(), new AdamW.Moments(
                    moment(group++, entry.getValue().first(), whole.shape()), moment(group++, entry.getValue().second(), whole.shape())));
        }
        return new TrainedTensors(values, wholes);
    }

    /** A moment's codes are divided at the borders of the parameter's blocks. */
    private Tensor moment(int group, Tensor part, Shape parameter) {
        boolean isCoded = part.dtype() == DType.I32;
        Shape shape = isCoded ? BlockCodes.shape(parameter.elementCount()) : parameter;
        long block = isCoded ? DividedTensors.BLOCK / BlockCodes.BLOCK * BlockCodes.WORDS : DividedTensors.BLOCK;
        return moments.add(group, part, shape, new Division(shape.elementCount(), ranks.size(), block)).whole();
    }

    @Override
    public AdamW optimizer() {
        return optimizer;
    }

    @Override
    public TrainedTensors trained() {
        return trained;
    }

    @Override
    public List<Turn> turns() {
        return IntStream.iterate(ranks.rank(), first -> first - ranks.rank() < passes, first -> first + ranks.size())
                .mapToObj(pass -> new Turn(Math.min(pass, passes - 1), pass < passes)).toList();
    }

    @Override
    public void backward(Turn own) {
        turn = own;
    }

    /** As soon as the backward pass uses a group, it has left those that follow in the forward pass. */
    private void using(int group) {
        if (turn != null) {
            for (int left = groups.size() - 1; left > group; left--) {
                take(groups.get(left));
            }
        }
    }

    private void take(SequencedMap<String, Parameter> parameters) {
        parameters.forEach((name, parameter) -> {
            if (parameter.gradient() == null) {
                return;
            }
            if (!taken.add(name)) {
                throw new IllegalStateException("[training] the backward pass returns to " + name);
            }
            sums.computeIfAbsent(name, _ -> sum(name, parameter.gradient())).add(parameter.gradient(), round() * ranks.size());
            parameter.value().clearGradient();
        });
    }

    private DividedSum sum(String name, Tensor gradient) {
        Division division = student.parameters().get(name).division();
        return isByEngine ? DividedSum.byEngine(ranks, division, passes, gradient) : new DividedSum(ranks, division, passes, gradient);
    }

    /** The number of the round of the current pass. */
    private long round() {
        return turn.isOwn() ? turn.pass() / ranks.size() : (passes - 1) / ranks.size();
    }

    @Override
    public void add(Turn own) {
        groups.forEach(this::take);
        taken.clear();
        turn = null;
    }

    @Override
    public void finish() {
        sums.forEach((name, sum) -> optimizer.parameters().get(name).adoptGradient(sum.result()));
        sums.values().forEach(DividedSum::close);
        sums.clear();
    }

    /** Every rank adds the squares of the chunks of all, in one order. */
    @Override
    public GradientClipping clipping(double limit) {
        squares.clear();
        int chunk = device().backend().squaresChunk();
        try (var _ = Scope.open(Device.cpu())) {
            optimizer.parameters().forEach((name, part) -> {
                if (part.gradient() != null) {
                    Division division = student.parameters().get(name).division();
                    Tensor whole = Tensor.of(new double[Math.toIntExact(Math.ceilDiv(division.elements(), chunk))]);
                    ranks.allGather(Tensor.of(device().backend().squaresOfChunks(List.of(part.gradient()))), whole,
                            new Division(whole.elementCount(), ranks.size(), DividedTensors.BLOCK / chunk));
                    squares.put(name, whole.toDoubleArray());
                }
            });
        }
        double[] all = squares.values().stream().flatMapToDouble(Arrays::stream).toArray();
        return GradientClipping.ofSquares(device().backend().sumOfChunks(all), limit);
    }

    private Device device() {
        return optimizer.parameters().firstEntry().getValue().value().device();
    }

    @Override
    public Optional<String> nonFinite() {
        return squares.entrySet().stream().filter(entry -> Arrays.stream(entry.getValue()).anyMatch(sum -> !Double.isFinite(sum)))
                .map(entry -> "the gradient of '%s' is not finite".formatted(entry.getKey())).findFirst();
    }

    @Override
    public void update(double learningRate, double scale) {
        moments.update(() -> student.tensors().update(() -> optimizer.step(learningRate, scale)));
        optimizer.clearGradients();
    }

    @Override
    public void clearMoments(long steps) {
        moments.update(() -> optimizer.clearMoments(steps));
    }

    @Override
    public void clear() {
        turn = null;
        taken.clear();
        optimizer.clearGradients();
        groups.forEach(group -> group.values().forEach(parameter -> parameter.value().clearGradient()));
        sums.values().forEach(DividedSum::close);
        sums.clear();
    }

    @Override
    public void close() {
        sums.values().forEach(DividedSum::close);
        student.tensors().onUse(_ -> { });
        optimizer.close();
    }
}
