package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.backend.DistillationObjective;
import kept.corpus.RandomTokens;
import kept.distributed.Communicator;
import kept.distributed.ThreadRanks;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.DType;
import kept.tensor.Device;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code --reduction engine}: who adds the gradients, what comes of it, and where it is the tree. */
class EngineReductionTest {
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(300).hiddenSize(256).intermediateSize(264)
            .layers(1).heads(4).keyValueHeads(2).headDimension(64).maxPositions(32).build();
    private static final int PASSES = 5;
    private static final String BY_ENGINE = "--reduction engine: the engine adds the gradients of the ranks; the bits of the result depend on the "
            + "number of ranks";
    private static final String IN_TREE = "--reduction engine: the gradients are added in the tree, since nothing between the ranks adds them itself";

    @TempDir
    private Path directory;

    /** What a rank has at the end. */
    private record Outcome(Map<String, float[]> values, String note, int sums) {}

    private static TrainingOptions options(GradientReduction reduction, DType type) {
        return new TrainingOptions(2, 1, PASSES, 8, new LearningRateSchedule.Constant(1e-3, 0), AdamW.Settings.DEFAULT, 1,
                new AdamW.Storage(false, type == DType.BF16, 3), reduction);
    }

    private static List<Outcome> train(int size, GradientReduction reduction, Sharding sharding, DType type, DType... summed) {
        return ThreadRanks.run(size, threads -> {
            var communicator = new EngineRanks(threads, summed);
            return train(communicator, reduction, sharding, type);
        });
    }

    private static Outcome train(EngineRanks communicator, GradientReduction reduction, Sharding sharding, DType type) {
        DecoderConfig target = ORION.toLlama();
        TrainingOptions options = options(reduction, type);
        try (var ranks = new TrainingRanks(communicator, sharding, Device.cpu());
                Decoder teacher = Decoder.create(ORION, ranks.teacher(new RandomWeights(ORION, 1)), Device.cpu());
                Decoder student = Decoder.create(target, ranks.student(new RandomWeights(target, 2 + communicator.rank(), type), Map.of()),
                        Device.cpu())) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            if (communicator.rank() > 0) {
                try (var follower = new TrainingFollower(student, objective, options, ranks)) {
                    follower.run();
                }
                return new Outcome(sharding == Sharding.NONE ? values(student) : Map.of(), null, communicator.sums());
            }
            try (var trainer = new Trainer(student, objective, new RandomTokens(ORION.vocabSize(), 9), options, ranks)) {
                String note = trainer.engineInWords().orElse(null);
                while (!trainer.isFinished()) {
                    trainer.next();
                }
                return new Outcome(values(student), note, communicator.sums());
            }
        }
    }

    private static Map<String, float[]> values(Decoder model) {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloatArray()));
        return values;
    }

    private static boolean isSame(Map<String, float[]> a, Map<String, float[]> b) {
        return a.keySet().equals(b.keySet()) && a.keySet().stream().allMatch(name -> Arrays.equals(a.get(name), b.get(name)));
    }

    /** {@code -Dkept.thorough} with the others too. */
    static List<Sharding> shardings() {
        return Boolean.getBoolean("kept.thorough") ? List.of(Sharding.values()) : List.of(Sharding.NONE, Sharding.ALL);
    }

    /** Of three ranks, whose five passes leave one over; twice the same, in every rank the same, and near the tree. */
    @ParameterizedTest
    @MethodSource("shardings")
    void theEngineAddsTheGradientsOfTheRanks(Sharding sharding) {
        Outcome tree = train(3, GradientReduction.TREE, sharding, DType.F32, DType.F32).getFirst();
        assertThat(tree.sums).isZero();
        assertThat(tree.note).isNull();
        List<Outcome> engine = train(3, GradientReduction.ENGINE, sharding, DType.F32, DType.F32);
        assertThat(engine.getFirst().note).isEqualTo(BY_ENGINE);
        int rounds = sharding == Sharding.NONE ? 1 : 2;
        assertThat(engine).allSatisfy(rank -> assertThat(rank.sums).isEqualTo(2 * rounds * engine.getFirst().values.size()));
        assertThat(isSame(train(3, GradientReduction.ENGINE, sharding, DType.F32, DType.F32).getFirst().values, engine.getFirst().values)).isTrue();
        if (sharding == Sharding.NONE) {
            assertThat(engine).allSatisfy(rank -> assertThat(isSame(rank.values, engine.getFirst().values)).isTrue());
        }
        assertThat(isSame(engine.getFirst().values, tree.values)).isFalse();
        engine.getFirst().values.forEach((name, values) -> assertThat(values).as(name).containsExactly(tree.values.get(name), Offset.offset(1e-4f)));
    }

    /** On one rank, and on several without an engine that adds all types of gradients; the norms' are F32. */
    @Test
    void elsewhereItIsTheTree() {
        Outcome one = train(1, GradientReduction.TREE, Sharding.NONE, DType.F32).getFirst();
        List<Outcome> others = new ArrayList<>(train(1, GradientReduction.ENGINE, Sharding.NONE, DType.F32));
        others.add(train(3, GradientReduction.ENGINE, Sharding.ALL, DType.F32).getFirst());
        others.add(train(2, GradientReduction.ENGINE, Sharding.NONE, DType.F32).getFirst());
        for (Outcome other : others) {
            assertThat(other.note).isEqualTo(IN_TREE);
            assertThat(isSame(other.values, one.values)).isTrue();
        }
        Outcome shorter = train(2, GradientReduction.ENGINE, Sharding.ALL, DType.BF16, DType.F32).getFirst();
        assertThat(shorter.note).isEqualTo(IN_TREE);
        assertThat(shorter.sums).isZero();
        assertThat(isSame(shorter.values, train(1, GradientReduction.TREE, Sharding.NONE, DType.BF16).getFirst().values)).isTrue();
        assertThat(train(2, GradientReduction.ENGINE, Sharding.ALL, DType.BF16, DType.F32, DType.BF16).getFirst().note).isEqualTo(BY_ENGINE);
    }

    @Test
    void aStateIsNotResumedWithAnotherReduction() {
        Path state = directory.resolve("state.safetensors");
        DecoderConfig target = ORION.toLlama();
        try (Decoder student = Decoder.create(target, new RandomWeights(target, 2), Device.cpu());
                Decoder teacher = Decoder.create(ORION, new RandomWeights(ORION, 1), Device.cpu())) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            try (var trainer = new Trainer(student, new Distillation(teacher, DistillationObjective.FORWARD_KL),
                    new RandomTokens(ORION.vocabSize(), 9), options(GradientReduction.ENGINE, DType.F32), Communicator.single())) {
                trainer.save(state, Map.of(GradientReduction.SETTING, "engine"), HeldOutCurve.EMPTY);
                assertThatThrownBy(() -> trainer.restore(state, Map.of(GradientReduction.SETTING, "tree"))).isInstanceOf(TrainingException.class)
                        .hasMessageContaining("other settings: reduction was engine, is tree");
                assertThat(trainer.restore(state, Map.of(GradientReduction.SETTING, "engine")).step()).isZero();
            }
        }
    }
}
