package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import kept.autograd.Autograd;
import kept.backend.DistillationObjective;
import kept.corpus.RandomTokens;
import kept.distributed.Communicator;
import kept.distributed.DividedTensors;
import kept.distributed.Division;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.model.AdaptedWeights;
import kept.model.AdapterName;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Lora;
import kept.model.ModelTensor;
import kept.model.NonFiniteException;
import kept.model.RandomWeights;
import kept.model.TensorName;
import kept.model.Weights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A training whose tensors lie divided over ranks, on matrices of several blocks, has the bits of a training of one rank. */
class ShardingTest {
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(700).hiddenSize(256).intermediateSize(520)
            .layers(3).heads(4).keyValueHeads(2).headDimension(64).maxPositions(32).build();
    private static final int STEPS = 2;

    @TempDir
    private Path directory;
    private boolean isCheckpointing;
    /** Only norms are trained; all else is the teacher's. */
    private boolean isShared;
    /** Null for none. */
    private Lora adapters;

    /** What rank 0 does with a trainer; all ranks have the models. */
    private interface Lead {
        void run(Trainer trainer, Decoder student, TrainingRanks ranks);
    }

    private static TrainingOptions options(boolean isShort, int accumulation) {
        return new TrainingOptions(STEPS, 1, accumulation, 8, new LearningRateSchedule.Constant(1e-2, 0), AdamW.Settings.DEFAULT, 0.5,
                new AdamW.Storage(isShort, isShort, 3));
    }

    /** Runs on ranks; returns what rank 0 finds in the student at the end. */
    private Map<String, float[]> run(int size, Sharding sharding, DecoderConfig source, boolean isShort, int accumulation, Lead lead) {
        return ThreadRanks.run(size, communicator -> run(communicator, sharding, source, isShort, accumulation, lead)).getFirst();
    }

    private Map<String, float[]> run(Communicator communicator, Sharding sharding, DecoderConfig source, boolean isShort, int accumulation,
            Lead lead) {
        DecoderConfig target = source.toLlama();
        DType type = isShort ? DType.BF16 : DType.F32;
        TrainingOptions options = options(isShort, accumulation);
        try (var ranks = new TrainingRanks(communicator, sharding, Device.cpu());
                Decoder teacher = Decoder.create(source, ranks.teacher(new RandomWeights(source, 1)), Device.cpu());
                Decoder student = Decoder.create(
                        target, ranks.student(start(target, communicator.rank() == 0 ? 2 : 3, type), shared(teacher)), adapters, Device.cpu())) {
            student.parameters().forEach((name, parameter) -> parameter.setTrainable(!isShared || isOfNorm(name) || AdapterName.isOne(name)));
            student.setActivationCheckpointing(isCheckpointing);
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            if (communicator.rank() > 0) {
                try (var follower = new TrainingFollower(student, objective, options, ranks)) {
                    follower.run();
                }
                return Map.of();
            }
            try (var trainer = new Trainer(student, objective, new RandomTokens(source.vocabSize(), 9), options, ranks)) {
                lead.run(trainer, student, ranks);
                return values(student);
            }
        }
    }

    private static Weights start(DecoderConfig target, int seed, DType type) {
        return new AdaptedWeights(new RandomWeights(target, seed, type), seed, type);
    }

    private Map<String, Tensor> shared(Decoder teacher) {
        Map<String, Tensor> shared = new LinkedHashMap<>();
        teacher.parameters().forEach((name, parameter) -> {
            if (isShared && !isOfNorm(name)) {
                shared.put(name, parameter.value());
            }
        });
        return shared;
    }

    private static boolean isOfNorm(String name) {
        return name.contains("norm");
    }

    private static Map<String, float[]> values(Decoder model) {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloatArray()));
        return values;
    }

    private static void train(Trainer trainer) {
        while (!trainer.isFinished()) {
            trainer.next();
        }
    }

    private static void assertSame(Map<String, float[]> actual, Map<String, float[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
    }

    /** Where the passes are no multiple of the ranks, too; with F32, and with BF16, 8-bit moments and rounding by chance. */
    @ParameterizedTest
    @CsvSource({"2,optimizer,true,2", "3,optimizer,false,4", "2,all,false,4", "3,all,true,5"})
    void dividedTensorsTrainToTheBitsOfOneRank(int size, String sharding, boolean isShort, int accumulation) {
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, isShort, accumulation, (trainer, _, _) -> train(trainer));
        assertSame(run(size, sharding(sharding), ORION, isShort, accumulation, (trainer, _, _) -> train(trainer)), expected);
    }

    private static Sharding sharding(String name) {
        return Sharding.valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** The embedding's gradient is complete only at the end of the backward pass. */
    @Test
    void tiedEmbeddingsToo() {
        DecoderConfig tied = ORION.toBuilder().tieWordEmbeddings(true).build();
        Map<String, float[]> expected = run(1, Sharding.NONE, tied, false, 2, (trainer, _, _) -> train(trainer));
        assertSame(run(2, Sharding.ALL, tied, false, 2, (trainer, _, _) -> train(trainer)), expected);
    }

    @ParameterizedTest
    @CsvSource({"2,none,false", "3,optimizer,true", "2,all,false", "3,all,true"})
    void weightsOfTheTeacherToo(int size, String sharding, boolean again) {
        isShared = true;
        isCheckpointing = again;
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, false, 4, (trainer, _, _) -> train(trainer));
        assertSame(run(size, sharding(sharding), ORION, false, 4, (trainer, _, _) -> train(trainer)), expected);
        try (Decoder teacher = Decoder.create(ORION, new RandomWeights(ORION, 1), Device.cpu())) {
            assertThat(expected.get("lm_head.weight")).isEqualTo(values(teacher).get("lm_head.weight"));
            assertThat(expected.get("model.norm.weight")).isNotEqualTo(values(teacher).get("model.norm.weight"));
        }
    }

    /** A state of them has nothing of the matrices that they adapt. */
    @ParameterizedTest
    @CsvSource({"2,none,false,false", "3,optimizer,true,false", "2,all,false,true", "3,all,true,true"})
    void adaptersToo(int size, String sharding, boolean again, boolean isShort) {
        isShared = true;
        isCheckpointing = again;
        adapters = new Lora(5, 10, "q_proj|mlp");
        Path one = directory.resolve("one.safetensors");
        Path several = directory.resolve("several.safetensors");
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, isShort, 4, (trainer, _, _) -> {
            train(trainer);
            trainer.save(one, Map.of(), HeldOutCurve.EMPTY);
        });
        assertSame(run(size, sharding(sharding), ORION, isShort, 4, (trainer, _, _) -> {
            train(trainer);
            trainer.save(several, Map.of(), HeldOutCurve.EMPTY);
        }), expected);
        assertThat(several).hasSameBinaryContentAs(one);
        assertThat(expected.get("model.layers.1.mlp.down_proj.lora_B.weight")).doesNotContain(0);
        try (var saved = SafetensorsFile.open(one)) {
            assertThat(saved.entries()).hasSize(3 * (7 + 3 * 4 * 2)).allMatch(entry -> isOfNorm(entry.name()) || entry.name().contains("lora_"));
        }
        assertSame(run(size, sharding(sharding), ORION, isShort, 4, (trainer, _, _) -> trainer.restore(one, Map.of())), expected);
    }

    /** What is evaluated has merged weights; the adapters go on as they are. */
    @ParameterizedTest
    @CsvSource({"1,none", "2,optimizer", "2,all"})
    void aLookAtMergedAdaptersChangesNothing(int size, String sharding) {
        isShared = true;
        adapters = new Lora(5, 10, Lora.ALL);
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, false, 2, (trainer, _, _) -> train(trainer));
        assertSame(run(size, sharding(sharding), ORION, false, 2, (trainer, student, ranks) -> {
            trainer.next();
            Map<String, float[]> before = values(student);
            Map<String, float[]> looks = new StoredRounding(student, DType.BF16, ranks, true).during(() -> values(student));
            assertThat(looks.get("model.layers.1.mlp.up_proj.lora_A.weight")).isEqualTo(before.get("model.layers.1.mlp.up_proj.lora_A.weight"));
            assertThat(looks.get("model.norm.weight")).isNotEqualTo(before.get("model.norm.weight"));
            float[] beside = hidden(student);
            float[] merged = new StoredRounding(student, DType.BF16, ranks, true).during(() -> hidden(student));
            float[] rounded = new StoredRounding(student, DType.BF16, ranks, false).during(() -> hidden(student));
            assertThat(merged).isNotEqualTo(beside).isNotEqualTo(rounded);
            assertThat(hidden(student)).isEqualTo(beside);
            trainer.next();
        }), expected);
    }

    private static float[] hidden(Decoder model) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                return model.hidden(Tensor.of(new int[] {1, 7, 3, 30}, 1, 4)).toFloatArray();
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"2,optimizer", "2,all", "3,optimizer"})
    void recomputedActivationsToo(int size, String sharding) {
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, false, 3, (trainer, _, _) -> train(trainer));
        isCheckpointing = true;
        assertSame(run(size, sharding(sharding), ORION, false, 3, (trainer, _, _) -> train(trainer)), expected);
    }

    /** Whether the student is stored in bf16; {@code -Dkept.thorough} in f32 too. */
    static List<Boolean> types() {
        return Boolean.getBoolean("kept.thorough") ? List.of(true, false) : List.of(true);
    }

    /** A state that four ranks have saved is that of one, byte for byte, and is taken up by any number. */
    @ParameterizedTest
    @MethodSource("types")
    void aStateIsThatOfOneRank(boolean isShort) {
        Path one = directory.resolve("one.safetensors");
        Path four = directory.resolve("four.safetensors");
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, isShort, 4, (trainer, _, _) -> {
            trainer.next();
            trainer.save(one, Map.of(), HeldOutCurve.EMPTY);
            trainer.next();
        });
        run(4, Sharding.ALL, ORION, isShort, 4, (trainer, _, _) -> {
            trainer.next(() -> trainer.save(directory.resolve("start.safetensors"), Map.of(), HeldOutCurve.EMPTY));
            trainer.save(four, Map.of(), HeldOutCurve.EMPTY);
        });
        assertThat(four).hasSameBinaryContentAs(one);
        assertSame(run(2, Sharding.OPTIMIZER, ORION, isShort, 4, (trainer, _, _) -> {
            trainer.restore(four, Map.of());
            trainer.next();
        }), expected);
        assertSame(run(3, Sharding.ALL, ORION, isShort, 4, (trainer, _, _) -> {
            trainer.next();
            trainer.next();
            trainer.restore(four, Map.of());
            trainer.next();
        }), expected);
    }

    /** Rank 0 looks at the rounded student between steps, and the training goes on with what it was. */
    @ParameterizedTest
    @CsvSource({"optimizer", "all"})
    void aLookAtTheRoundedStudentChangesNothing(String sharding) {
        Map<String, Map<String, float[]>> looks = new LinkedHashMap<>();
        Map<String, float[]> expected = run(1, Sharding.NONE, ORION, false, 2, (trainer, student, _) -> {
            trainer.next();
            looks.put("one", new StoredRounding(student, DType.BF16).during(() -> values(student)));
            trainer.next();
        });
        assertSame(run(2, sharding(sharding), ORION, false, 2, (trainer, student, ranks) -> {
            trainer.next();
            looks.put("two", new StoredRounding(student, DType.BF16, ranks).during(() -> values(student)));
            trainer.next();
        }), expected);
        assertSame(looks.get("two"), looks.get("one"));
        assertThat(looks.get("one").get("model.norm.weight")).isNotEqualTo(expected.get("model.norm.weight"));
    }

    /**
     * The bytes of a step are those of docs/distributed.md: a pass gathers the teacher once and the student's layers twice, and sends the gradients.
     * The head is still there when the backward pass begins, and the embedding's gradient does not need its weights.
     */
    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void aStepSendsTheBytesOfTheFormula(int size) {
        long[] sent = new long[size];
        ThreadRanks.run(size, communicator -> {
            run(communicator, Sharding.ALL, ORION, false, 4, (trainer, _, _) -> {
                trainer.next();
                long before = communicator.bytesSent();
                trainer.next();
                sent[0] = communicator.bytesSent() - before;
            });
            return null;
        });
        long elements = 0;
        for (ModelTensor tensor : ModelTensor.of(ORION)) {
            elements += gathered(tensor, size);
        }
        for (ModelTensor tensor : ModelTensor.of(ORION.toLlama())) {
            long count = tensor.shape().elementCount();
            elements += (TensorName.parse(tensor.name()).orElseThrow().layer() >= 0 ? 2 : 1) * gathered(tensor, size)
                    + count - new Division(count, size, DividedTensors.BLOCK).size(0);
        }
        assertThat((double) sent[0]).isCloseTo(4.0 * (4 / size) * elements, Percentage.withPercentage(1));
    }

    private static long gathered(ModelTensor tensor, int size) {
        return (size - 1) * new Division(tensor.shape().elementCount(), size, DividedTensors.BLOCK).size(0);
    }

    @Test
    void aGradientThatIsNotFiniteIsNamed() {
        Map<String, float[]> found = run(2, Sharding.ALL, ORION, false, 2, (trainer, student, _) -> {
            student.parameters().get("model.layers.1.mlp.down_proj.weight").value().fill(Float.POSITIVE_INFINITY);
            assertThatThrownBy(trainer::next).isInstanceOf(NonFiniteException.class)
                    .hasMessageContaining("model.layers.1.mlp.down_proj.weight");
        });
        assertThat(found.get("model.layers.1.mlp.down_proj.weight")).containsOnly(Float.POSITIVE_INFINITY);
    }

    /** A failure of rank 0 while the others serve it reaches them; they do not wait. */
    @Test
    void aFailureWhileTheOthersServeReachesThem() {
        assertThatThrownBy(() -> run(3, Sharding.ALL, ORION, false, 3, (trainer, student, _) -> {
            trainer.next();
            throw new IllegalStateException("the disk is full");
        })).isInstanceOf(RankException.class).hasRootCauseMessage("the disk is full");
    }
}
