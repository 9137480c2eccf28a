package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.FailingCommunicator;
import kept.backend.DistillationObjective;
import kept.corpus.RandomTokens;
import kept.distributed.Communicator;
import kept.distributed.RankException;
import kept.distributed.ThreadRanks;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.NonFiniteException;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.Device;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainerTest {
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(40).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(2).keyValueHeads(2).headDimension(8).maxPositions(32).build();

    @TempDir
    private Path directory;

    @Test
    void aRunTakenUpFromItsStateEndsWithTheSameBits() {
        Map<String, float[]> undisturbed = new LinkedHashMap<>();
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(6, 2, 1))) {
            while (!trainer.isFinished()) {
                trainer.next();
            }
            undisturbed.putAll(values(student));
        }
        Path state = directory.resolve("state.safetensors");
        Map<String, String> settings = Map.of("seed", "1");
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(6, 2, 1))) {
            for (int step = 0; step < 4; step++) {
                trainer.next();
            }
            trainer.save(state, settings, HeldOutCurve.EMPTY);
        }
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(6, 2, 1))) {
            trainer.restore(state, settings);
            assertThat(trainer.step()).isEqualTo(4);
            while (!trainer.isFinished()) {
                trainer.next();
            }
            assertSame(values(student), undisturbed);
        }
    }

    @Test
    void moreSequencesThanAnArrayHoldsAreRefused() {
        try (Decoder student = student(); Decoder teacher = teacher()) {
            assertThatThrownBy(() -> trainer(student, teacher, options(1, Integer.MAX_VALUE, 1))).isInstanceOf(TrainingException.class)
                    .hasMessage("[training] 2,147,483,647 sequences of 8 tokens are too many for one pass; lower --batch-size, and raise "
                            + "--accumulation");
        }
    }

    @Test
    void aStateOfOtherSettingsIsRefusedByName() {
        Path state = directory.resolve("state.safetensors");
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(6, 2, 1))) {
            trainer.next();
            trainer.save(state, Map.of("seed", "1", "mapping", "opm"), HeldOutCurve.EMPTY);
            assertThatThrownBy(() -> trainer.restore(state, Map.of("seed", "2", "mapping", "opm")))
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("seed was 1, is 2")
                    .hasMessageNotContaining("mapping");
        }
    }

    @Test
    void accumulatedPassesAreOneLargeBatch() {
        try (Decoder whole = student();
                Decoder pieces = student();
                Decoder teacher = teacher();
                Trainer one = trainer(whole, teacher, options(1, 4, 1));
                Trainer many = trainer(pieces, teacher, options(1, 1, 4))) {
            StepMetrics large = one.next();
            StepMetrics small = many.next();
            assertThat(small.loss()).isCloseTo(large.loss(), within(1e-6));
            assertThat(small.gradientNorm()).isCloseTo(large.gradientNorm(), within(1e-5 * large.gradientNorm()));
            assertThat(small.tokens()).isEqualTo(large.tokens());
        }
    }

    @Test
    void distillationBringsTheStudentNearer() {
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(300, 4, 1))) {
            double first = trainer.next().loss();
            double last = first;
            while (!trainer.isFinished()) {
                last = trainer.next().loss();
            }
            assertThat(last).isLessThan(first / 2);
        }
    }

    @Test
    void onlySelectedParametersChange() {
        try (Decoder student = student();
                Decoder teacher = teacher()) {
            Map<String, float[]> before = values(student);
            long count = ParameterSelection.parse("norms").apply(student);
            assertThat(count).isEqualTo(5 * 16);
            try (Trainer trainer = new Trainer(student, objective(teacher), new RandomTokens(ORION.vocabSize(), 9), options(2, 2, 1))) {
                trainer.next();
                trainer.next();
            }
            values(student).forEach((name, after) -> {
                if (name.contains("norm.")) {
                    assertThat(after).as(name).isNotEqualTo(before.get(name));
                } else {
                    assertThat(after).as(name).isEqualTo(before.get(name));
                }
            });
            assertThatThrownBy(() -> ParameterSelection.parse("nothing_like_this").apply(student))
                    .isInstanceOf(TrainingException.class).hasMessageContaining("matches no parameter");
        }
    }

    @Test
    void aSteadyRunHoldsNoMoreMemoryThanItsFirstSteps() {
        try (Decoder student = student();
                Decoder teacher = teacher();
                Trainer trainer = trainer(student, teacher, options(300, 2, 1))) {
            List<Long> inUse = new ArrayList<>();
            long reserved = 0;
            while (!trainer.isFinished()) {
                trainer.next();
                inUse.add(Device.cpu().memoryUsage().inUse());
                if (trainer.step() == 10) {
                    reserved = Device.cpu().memoryUsage().reserved();
                }
            }
            assertThat(inUse.get(299)).isEqualTo(inUse.get(9));
            assertThat(Device.cpu().memoryUsage().reserved()).isEqualTo(reserved);
        }
    }

    /** A state of a version that had one order only says nothing of it. */
    @Test
    void aFormerStateHasGradientsAddedOneAfterAnother() {
        Path state = directory.resolve("state.safetensors");
        try (Decoder student = student(); Decoder teacher = teacher(); Trainer trainer = trainer(student, teacher, options(3, 1, 4))) {
            trainer.save(state, Map.of("accumulation", "4"), HeldOutCurve.EMPTY);
            assertThatThrownBy(() -> trainer.restore(state, Map.of("accumulation", "4", GradientReduction.SETTING, "tree")))
                    .isInstanceOf(TrainingException.class).hasMessageContaining("other settings: reduction was serial, is tree");
            assertThat(trainer.restore(state, Map.of("accumulation", "4", GradientReduction.SETTING, "serial")).step()).isZero();
        }
    }

    /** Five passes, of which ranks have three and two, two, two and one, and so on. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void ranksTrainToTheBitsOfOne(int ranks) {
        Map<String, float[]> expected = train(1).getFirst();
        List<Map<String, float[]>> all = train(ranks);
        assertThat(all).hasSize(ranks);
        assertSame(all.getFirst(), expected);
        // Those that follow have no metrics.
        expected.keySet().removeIf(name -> name.startsWith("step "));
        all.subList(1, ranks).forEach(values -> assertSame(values, expected));
    }

    private static List<Map<String, float[]>> train(int ranks) {
        return ThreadRanks.run(ranks, communicator -> {
            try (Decoder student = communicator.rank() == 0 ? student() : otherStudent(); Decoder teacher = teacher()) {
                if (communicator.rank() > 0) {
                    follow(student, teacher, options(3, 1, 5), communicator);
                    return values(student);
                }
                try (Trainer trainer = trainer(student, teacher, options(3, 1, 5), communicator)) {
                    Map<String, float[]> all = new LinkedHashMap<>();
                    while (!trainer.isFinished()) {
                        StepMetrics step = trainer.next();
                        all.put("step " + step.step(), new float[] {(float) step.loss(), (float) step.divergence(), (float) step.gradientNorm()});
                    }
                    all.putAll(values(student));
                    return all;
                }
            }
        });
    }

    private static void follow(Decoder student, Decoder teacher, TrainingOptions options, Communicator communicator) {
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        try (var follower = new TrainingFollower(student, objective(teacher), options, communicator)) {
            follower.run();
        }
    }

    /** A student whose values rank 0 replaces. */
    private static Decoder otherStudent() {
        DecoderConfig llama = ORION.toLlama();
        return Decoder.create(llama, new RandomWeights(llama, 77), Device.cpu());
    }

    /** A state that is not the result of steps reaches all ranks: here one step is done twice. */
    @Test
    void followersGoBackWithTheirLeader() {
        Path state = directory.resolve("state.safetensors");
        List<Map<String, float[]>> results = ThreadRanks.run(3, communicator -> {
            try (Decoder student = communicator.rank() == 0 ? student() : otherStudent(); Decoder teacher = teacher()) {
                if (communicator.rank() > 0) {
                    follow(student, teacher, options(3, 1, 5), communicator);
                    return values(student);
                }
                try (Trainer trainer = trainer(student, teacher, options(3, 1, 5), communicator)) {
                    trainer.next();
                    trainer.save(state, Map.of(), HeldOutCurve.EMPTY);
                    trainer.next();
                    trainer.restore(state, Map.of());
                    trainer.next();
                    trainer.next();
                    return values(student);
                }
            }
        });
        Map<String, float[]> undisturbed = train(1).getFirst();
        undisturbed.keySet().removeIf(name -> name.startsWith("step "));
        results.forEach(values -> assertSame(values, undisturbed));
    }

    /** The sums of two passes have one order; those of four differ in their last bits. */
    @Test
    void gradientsAreAddedInTheOrderAsked() {
        Map<String, float[]> tree = train(GradientReduction.TREE, 4);
        Map<String, float[]> serial = train(GradientReduction.SERIAL, 4);
        assertThat(tree.keySet()).anyMatch(name -> !Arrays.equals(tree.get(name), serial.get(name)));
        tree.forEach((name, values) -> assertThat(serial.get(name)).as(name).containsExactly(values, Offset.offset(1e-5f)));
        assertSame(train(GradientReduction.TREE, 1), train(GradientReduction.SERIAL, 1));
    }

    private static Map<String, float[]> train(GradientReduction reduction, int accumulation) {
        TrainingOptions plain = options(2, 2, accumulation);
        var options = new TrainingOptions(plain.steps(), 2, accumulation, 8, plain.schedule(), plain.adamW(), 1, plain.storage(), reduction);
        try (Decoder student = student(); Decoder teacher = teacher(); Trainer trainer = trainer(student, teacher, options)) {
            while (!trainer.isFinished()) {
                trainer.next();
            }
            return values(student);
        }
    }

    @Test
    void ranksWithoutAPassAndSerialSumsOfSeveralRanksAreRefused() {
        assertThatThrownBy(() -> ThreadRanks.run(3, communicator -> newTrainer(options(1, 4, 2), communicator))).hasRootCauseMessage(
                "[training] 3 ranks share the passes of a step, and --accumulation is 2; give at least one pass to each, such as --batch-size 1 "
                        + "--accumulation 8");
        TrainingOptions plain = options(1, 4, 2);
        var serial = new TrainingOptions(1, 4, 2, 8, plain.schedule(), plain.adamW(), 1, plain.storage(), GradientReduction.SERIAL);
        assertThatThrownBy(() -> ThreadRanks.run(2, communicator -> newTrainer(serial, communicator))).hasRootCauseMessage(
                "[training] --reduction serial adds the gradients of one rank; 2 ranks need tree or engine");
    }

    private static Void newTrainer(TrainingOptions options, Communicator communicator) {
        try (Decoder student = student(); Decoder teacher = teacher(); Trainer trainer = trainer(student, teacher, options, communicator)) {
            throw new AssertionError("accepted " + trainer);
        }
    }

    /** NaN in one rank's passes alone ends the step of all, and the steps after it are those of a run without it. */
    @Test
    void allRanksSkipAStepWhereOneMeetsNaN() {
        List<Map<String, float[]>> results = ThreadRanks.run(3, communicator -> {
            try (Decoder student = communicator.rank() == 0 ? student() : otherStudent(); Decoder teacher = teacher()) {
                if (communicator.rank() > 0) {
                    var failing = new boolean[] {communicator.rank() == 1};
                    TrainingObjective objective = (model, batch) -> {
                        TrainingObjective.Loss loss = objective(teacher).loss(model, batch);
                        boolean fails = failing[0];
                        failing[0] = false;
                        return fails ? new TrainingObjective.Loss(loss.value().mul(Double.NaN), loss.divergence()) : loss;
                    };
                    student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
                    try (var follower = new TrainingFollower(student, objective, options(2, 1, 5), communicator)) {
                        follower.run();
                    }
                    return values(student);
                }
                try (Trainer trainer = trainer(student, teacher, options(2, 1, 5), communicator)) {
                    assertThatThrownBy(trainer::next).isInstanceOf(NonFiniteException.class)
                            .hasMessageStartingWith("[training] step 1: the loss is NaN");
                    trainer.next();
                    assertThat(trainer.step()).isOne();
                    return values(student);
                }
            }
        });
        results.forEach(values -> assertSame(values, results.getFirst()));
        assertThat(results.getFirst().values()).allSatisfy(values -> assertThat(values).doesNotContain(Float.NaN));
    }

    /** The other ranks end with the reason of the one that leads. */
    @Test
    void theReasonOfRank0ReachesTheOthers() {
        List<String> messages = ThreadRanks.run(3, communicator -> {
            try (Decoder student = student(); Decoder teacher = teacher()) {
                if (communicator.rank() > 0) {
                    return message(() -> follow(student, teacher, options(2, 1, 5), communicator));
                }
                student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
                TrainingObjective failing = (_, _) -> {
                    throw new IllegalStateException("the disk is full");
                };
                return message(() -> {
                    try (var trainer = new Trainer(student, failing, new RandomTokens(ORION.vocabSize(), 9), options(2, 1, 5), communicator)) {
                        trainer.next();
                    }
                });
            }
        });
        assertThat(messages).containsExactly("the disk is full", "[ranks] rank 0 has failed: the disk is full",
                "[ranks] rank 0 has failed: the disk is full");
    }

    private static String message(Runnable task) {
        try {
            task.run();
            return "finished";
        } catch (IllegalStateException | RankException e) {
            return e.getMessage();
        }
    }

    /** Between the passes of a step and its update, too, the number of steps is that of the parameters, with which a state is saved then. */
    @Test
    void whereverAnotherRankIsLostTheStepIsThatOfTheParameters() {
        List<Map<String, float[]>> expected = new ArrayList<>();
        try (Decoder student = student(); Decoder teacher = teacher(); Trainer trainer = trainer(student, teacher, options(3, 1, 2))) {
            expected.add(values(student));
            while (!trainer.isFinished()) {
                trainer.next();
                expected.add(values(student));
            }
        }
        Set<Long> steps = new HashSet<>();
        boolean isLost = true;
        for (int messages = 0; isLost; messages++) {
            int count = messages;
            isLost = ThreadRanks.run(2, communicator -> {
                try (Decoder student = communicator.rank() == 0 ? student() : otherStudent(); Decoder teacher = teacher()) {
                    if (communicator.rank() > 0) {
                        return message(() -> follow(student, teacher, options(3, 1, 2), communicator));
                    }
                    Communicator losing = FailingCommunicator.of(communicator, "broadcast", count, new RankException("no rank 1"));
                    String end;
                    try (Trainer trainer = trainer(student, teacher, options(3, 1, 2), losing)) {
                        end = message(() -> {
                            while (!trainer.isFinished()) {
                                trainer.next();
                            }
                        });
                        steps.add(trainer.step());
                        assertSame(values(student), expected.get((int) trainer.step()));
                    }
                    // The other rank is not lost in truth, and waits.
                    communicator.fail(end);
                    return end;
                }
            }).getFirst().contains("no rank 1");
        }
        assertThat(steps).containsExactlyInAnyOrder(0L, 1L, 2L, 3L);
    }

    /** A rank that fails in its passes takes the others along, each with the reason. */
    @Test
    void aFailureOfOneRankEndsTheOthers() {
        for (int failing = 0; failing < 3; failing++) {
            int rank = failing;
            assertThatThrownBy(() -> ThreadRanks.run(3, communicator -> {
                TrainingObjective objective = (model, batch) -> {
                    throw new IllegalStateException("the disk is full");
                };
                try (Decoder student = student(); Decoder teacher = teacher()) {
                    student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
                    TrainingObjective own = communicator.rank() == rank ? objective : objective(teacher);
                    if (communicator.rank() > 0) {
                        try (var follower = new TrainingFollower(student, own, options(2, 1, 5), communicator)) {
                            follower.run();
                        }
                    } else {
                        try (var trainer = new Trainer(student, own, new RandomTokens(ORION.vocabSize(), 9), options(2, 1, 5), communicator)) {
                            trainer.next();
                        }
                    }
                    return null;
                }
            })).isInstanceOf(RankException.class).hasRootCauseMessage("the disk is full");
        }
    }

    private static Trainer trainer(Decoder student, Decoder teacher, TrainingOptions options) {
        return trainer(student, teacher, options, Communicator.single());
    }

    private static Trainer trainer(Decoder student, Decoder teacher, TrainingOptions options, Communicator ranks) {
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        return new Trainer(student, objective(teacher), new RandomTokens(ORION.vocabSize(), 9), options, ranks);
    }

    private static Distillation objective(Decoder teacher) {
        return new Distillation(teacher, DistillationObjective.FORWARD_KL);
    }

    private static TrainingOptions options(long steps, int batch, int accumulation) {
        return new TrainingOptions(steps, batch, accumulation, 8, new LearningRateSchedule.Constant(1e-3, 0), AdamW.Settings.DEFAULT, 1);
    }

    private static Decoder teacher() {
        return Decoder.create(ORION, new RandomWeights(ORION.toBuilder().initializerRange(0.3).build(), 1), Device.cpu());
    }

    private static Decoder student() {
        DecoderConfig llama = ORION.toLlama();
        return Decoder.create(llama, new RandomWeights(llama.toBuilder().initializerRange(0.3).build(), 2), Device.cpu());
    }

    private static Map<String, float[]> values(Decoder model) {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloatArray()));
        return values;
    }

    private static void assertSame(Map<String, float[]> actual, Map<String, float[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
    }
}
