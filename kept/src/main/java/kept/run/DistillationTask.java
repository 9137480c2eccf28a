package kept.run;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.corpus.DocumentEncoder;
import kept.generation.ChatTemplates;
import kept.generation.ConversationEncoder;
import kept.mapping.GivenStudent;
import kept.mapping.Mapping;
import kept.mapping.NamedMapping;
import kept.mapping.TensorMapping;
import kept.model.AdaptedWeights;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.model.Lora;
import kept.model.ModelTensor;
import kept.model.Weights;
import kept.recording.Recording;
import kept.tensor.DType;
import kept.tensor.Tensor;
import kept.text.Counts;
import kept.tokenizer.Tokenizer;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import kept.training.StepPlan;
import kept.training.StoredRounding;
import kept.training.TrainingOptions;

/**
 * What a distillation does, from its settings and the teacher's configuration: the same in each rank.
 *
 * @param settings of the run
 * @param mapping from the teacher to the student
 * @param options of the training
 * @param stored the type of the student's stored weights
 * @param trained the parameters to train
 */
record DistillationTask(DistillationRun settings, Mapping mapping, TrainingOptions options, DType stored, ParameterSelection trained) {
    /** The bytes of a tensor that tell whether it was trained, for a plan. */
    private static final long COMPARED = 1 << 16;

    /** Reads the teacher's configuration. */
    static DistillationTask of(DistillationRun settings) {
        DecoderConfig config = DecoderConfig.read(settings.teacher());
        Mapping mapping = settings.mapping().table(config);
        int positions = Math.min(config.maxPositions(), mapping.target().maxPositions());
        TrainingOptions options = settings.training().options(settings.tokens(), positions, learningRate(settings, mapping.target()), 0);
        // Tensors without a source are constants of the mapping's construction and are not trained.
        Set<String> constants = mapping.rows().stream().filter(row -> row.sources().isEmpty()).map(TensorMapping::target).collect(Collectors.toSet());
        DType stored = settings.storedType(mapping.target().dtype());
        List<String> names = ModelTensor.of(mapping.target()).stream().map(ModelTensor::name).toList();
        ParameterSelection trained = settings.train().without(constants, "the mapping's " + Counts.of(constants.size(), "constant tensor"))
                .adaptingOthers(names);
        trained.requireSome(names);
        trained.adapters().ifPresent(adapters -> requireTarget(adapters, mapping.target()));
        return new DistillationTask(settings, mapping, options, stored, trained.sharing(verbatim(mapping, stored)));
    }

    /** The same task with the mapping's constants for the teacher's weights, or with the tensors that a given student has in common with it. */
    DistillationTask forWeights() {
        if (settings.mapping().student() != null) {
            return sharing(Long.MAX_VALUE);
        }
        if (!settings.mapping().name().equals(MappingChoice.EXACT.name())) {
            return this;
        }
        try (var checkpoint = Checkpoint.open(settings.teacher())) {
            return new DistillationTask(settings, mapping.forWeights(new CheckpointWeights(checkpoint), stored), options, stored, trained);
        }
    }

    /** The same task as far as is needed to plan it: of what a given student has in common with the teacher, samples are compared. */
    DistillationTask forPlan() {
        Path student = settings.mapping().student();
        return student != null && Stream.of(student, settings.teacher()).allMatch(DistillationPlan::hasWeights) ? sharing(COMPARED) : this;
    }

    /**
     * The same task in which the tensors of a given student that are not trained are the teacher's, if they have the same values.
     *
     * @param most the bytes of each tensor that are compared
     */
    private DistillationTask sharing(long most) {
        if (ModelTensor.of(mapping.target()).stream().allMatch(tensor -> trained.selects(tensor.name()))) {
            return this;
        }
        try (var teacher = Checkpoint.open(settings.teacher()); var student = Checkpoint.open(settings.mapping().student())) {
            CheckpointWeights.requireTensors(teacher, mapping.source());
            CheckpointWeights.requireTensors(student, mapping.target());
            Mapping common = GivenStudent.sharing(mapping, (own, other) -> !trained.selects(own) && student.isSame(own, teacher, other, most));
            return new DistillationTask(settings, common, options, stored, trained.sharing(verbatim(common, stored)));
        }
    }

    private static void requireTarget(Lora adapters, DecoderConfig student) {
        if (adapters.adapted(student).isEmpty()) {
            throw new RunException("[lora] the target '%s' matches no projection to adapt; their names are like %s".formatted(
                    adapters.target(), Lora.USUAL.adapted(student).getFirst().id().module()));
        }
    }

    /**
     * Turns documents and conversations into tokens.
     *
     * @param tokenizer the teacher's
     */
    DocumentEncoder encoder(Tokenizer tokenizer) {
        return new ConversationEncoder(tokenizer, mapping.source().vocabSize(),
                new ChatTemplates(settings.teacher(), settings.tokenizer().chatTemplate()), settings.lossTokens());
    }

    /** The student's adapters; null for none. */
    Lora adapters() {
        return trained.adapters().orElse(null);
    }

    /** The initial values of the student's parameters, with those of adapters if it has any. */
    Weights withAdapters(Weights student) {
        TrainingSettings training = settings.training();
        return adapters() == null ? student : new AdaptedWeights(student, training.seed(), training.weightType());
    }

    /** Whether adapters are merged into the weights that are written, and in evaluations. */
    boolean mergesAdapters() {
        return adapters() != null && settings.adapterOutput() == AdapterOutput.MERGED;
    }

    /** What training leaves on disk. */
    TrainingDisk disk() {
        TrainingSettings training = settings.training();
        List<ModelTensor> tensors = ModelTensor.of(mapping.target());
        List<ModelTensor> chosen = tensors.stream().filter(tensor -> trained.selects(tensor.name())).toList();
        List<ModelTensor> factors = adapters() == null ? List.of() : adapters().factors(mapping.target());
        long factorBytes = TrainingDisk.bytes(factors, training.weightType());
        return new TrainingDisk(TrainingDisk.stateBytes(Stream.concat(chosen.stream(), factors.stream()).toList(), training.weightType(),
                training.codedMoments()), TrainingDisk.bytes(chosen, stored) + factorBytes,
                TrainingDisk.bytes(tensors, stored) + (mergesAdapters() ? 0 : factorBytes), 0,
                settings.resume().isWanted() || training.isSavedAgain(options.steps()));
    }

    /** The parameters with the teacher's values, unless they are judged and stored in a type in which they have others. */
    private static Set<String> verbatim(Mapping mapping, DType stored) {
        return StoredRounding.isRounded(mapping.source().dtype(), stored) ? Set.of() : mapping.copies();
    }

    /**
     * The teacher's tensors that are the student's parameters too: not trained, and with the same values.
     *
     * @param types the types of the teacher's tensors, by its names
     * @param values the teacher's tensors, by its names; called in the order of the graph
     * @return its tensors by the student's names
     */
    Map<String, Tensor> shared(Function<String, DType> types, Function<String, Tensor> values) {
        Map<String, Tensor> shared = new HashMap<>();
        for (TensorMapping row : mapping.rows()) {
            if (trained.shares(row.target()) && !StoredRounding.isRounded(types.apply(row.sources().getFirst()), stored)) {
                shared.put(row.target(), values.apply(row.sources().getFirst()));
            }
        }
        return shared;
    }

    /** Whether no parameter of the student is a tensor of the teacher's. */
    boolean sharesNothing() {
        return mapping.rows().stream().noneMatch(row -> trained.shares(row.target()));
    }

    /** The tokens of a position that a recording has; 0 without a recording. */
    private int recordedTokens() {
        if (settings.recorded() == null) {
            return 0;
        }
        try (Recording recording = Recording.open(settings.recorded())) {
            return Math.min(recording.layout().form().count(), mapping.source().vocabSize());
        }
    }

    /**
     * The default peak learning rate for an initial student. AdamW changes every number by about the learning rate, however small the possible gain;
     * a student that is closer to the teacher than that noise would only lose (docs/kept.md). For a given student it is the rate at which a run from
     * {@code opm} ends. Norms and adapters alone take up to ten times as much.
     */
    private static double learningRate(DistillationRun settings, DecoderConfig student) {
        boolean ofMatrices = ModelTensor.of(student).stream().filter(tensor -> tensor.shape().rank() > 1)
                .anyMatch(tensor -> settings.train().selects(tensor.name()));
        MappingChoice start = settings.mapping();
        if (start.student() != null) {
            return ofMatrices ? 3e-5 : 3e-4;
        }
        return switch (NamedMapping.of(start.name())) {
            case CALIBRATED -> ofMatrices ? 3e-5 : 3e-4;
            case EXACT -> ofMatrices ? 1e-6 : 1e-5;
            case ONES, OPM, CENTRED -> ofMatrices ? 3e-4 : settings.train().adapters().isPresent() ? 1e-3 : 3e-3;
        };
    }

    /**
     * The memory and time of the run; memory is that of each rank.
     *
     * @param shares how ranks share the steps
     */
    DistillationPlan plan(StepPlan.Shares shares) {
        TrainingSettings training = settings.training();
        var execution = new DistillationPlan.Execution(settings.device(), training.weightType(), training.checkpointActivations(), shares);
        return DistillationPlan.of(settings.teacher(), mapping.source(), mapping.target(), trained, options, execution, stored)
                .withRecorded(recordedTokens());
    }

    /** What lies divided over the ranks: what the user has chosen, or as little as the memory of this rank allows. */
    Sharding sharding(MachineMemory memory) {
        int ranks = settings.ranks().size();
        if (ranks == 1 || settings.sharding() != null) {
            return ranks == 1 ? Sharding.NONE : settings.sharding();
        }
        return plan(new StepPlan.Shares(ranks, Sharding.NONE)).sharding(memory.total());
    }
}
