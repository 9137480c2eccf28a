package kept.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.corpus.TokenMask;
import kept.corpus.TokenSequences;
import kept.distributed.Communicator;
import kept.distributed.ThreadRanks;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.nn.Functional;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps whose loss is on some tokens only. */
class LossMaskTest {
    private static final int LENGTH = 7;
    private static final DecoderConfig ORION = DecoderConfig.builder(Architecture.ORION).vocabSize(40).hiddenSize(16).intermediateSize(24)
            .layers(2).heads(2).keyValueHeads(2).headDimension(8).maxPositions(32).build();

    /** The first sequence predicts 5 of 7 tokens, the second 1, the third none, the fourth all, and so on. */
    private static final int[] PREDICTED = {5, 1, 0, 7};

    @Test
    void theLossIsTheMeanOverThePredictedTokens() {
        try (Decoder model = student(); Trainer trainer = new Trainer(model, new LanguageModelling(), new Masked(), options(1, 4, 1))) {
            double expected = crossEntropy(model);
            assertThat(trainer.next().loss()).isCloseTo(expected, within(1e-6));
        }
    }

    private static double crossEntropy(Decoder model) {
        int[] ids = new Masked().next(4);
        try (var _ = Scope.open(Device.cpu())) {
            Tensor plain = Tensor.of(TokenMask.ids(ids), 4, LENGTH + 1L);
            int[] labels = IntStream.range(0, ids.length).filter(i -> i % (LENGTH + 1) > 0).map(i -> TokenMask.isMasked(ids[i]) ? -100 : ids[i])
                    .toArray();
            var logits = new FactoredLogits(model.hidden(plain.slice(1, 0, LENGTH).contiguous()), model.headWeight());
            return Functional.crossEntropy(logits, Tensor.of(labels, labels.length)).item();
        }
    }

    @Test
    void passesCountByTheTokensThatTheyPredict() {
        for (double crossEntropy : new double[] {0, 0.3}) {
            try (Decoder teacher = teacher(); Decoder whole = student(); Decoder pieces = student();
                    Trainer one = new Trainer(whole, objective(teacher, crossEntropy), new Masked(), options(1, 4, 1));
                    Trainer many = new Trainer(pieces, objective(teacher, crossEntropy), new Masked(), options(1, 1, 4))) {
                StepMetrics large = one.next();
                StepMetrics small = many.next();
                assertThat(small.loss()).isCloseTo(large.loss(), within(1e-6));
                assertThat(small.divergence()).isCloseTo(large.divergence(), within(1e-6));
                assertThat(small.gradientNorm()).isCloseTo(large.gradientNorm(), within(1e-5 * large.gradientNorm()));
            }
        }
    }

    @Test
    void aStepWithNothingToPredictChangesNothing() {
        try (Decoder teacher = teacher(); Decoder student = student();
                Trainer trainer = new Trainer(student, objective(teacher, 0), new Masked(0), options(1, 2, 2))) {
            Map<String, float[]> before = values(student);
            StepMetrics step = trainer.next();
            assertThat(step.loss()).isZero();
            assertThat(step.gradientNorm()).isZero();
            values(student).forEach((name, values) -> assertThat(values).as(name).isEqualTo(before.get(name)));
        }
    }

    @Test
    void aLossOfAllTokensRefusesAMask() {
        TrainingObjective all = new LanguageModelling();
        TrainingObjective other = (model, batch) -> all.loss(model, batch);
        try (Decoder model = student(); Trainer trainer = new Trainer(model, other, new Masked(), options(1, 4, 1))) {
            assertThatThrownBy(trainer::next).isInstanceOf(TrainingException.class).hasMessageContaining("--loss-on all");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void ranksTrainToTheBitsOfOne(int ranks) {
        Map<String, float[]> one = train(1).getFirst();
        train(ranks).forEach(values -> {
            assertThat(values.keySet()).isEqualTo(one.keySet());
            values.forEach((name, array) -> assertThat(array).as(name).isEqualTo(one.get(name)));
        });
    }

    private static List<Map<String, float[]>> train(int ranks) {
        return ThreadRanks.run(ranks, communicator -> {
            try (Decoder student = student(); Decoder teacher = teacher()) {
                if (communicator.rank() > 0) {
                    follow(student, teacher, communicator);
                    return values(student);
                }
                try (Trainer trainer = new Trainer(student, objective(teacher, 0.2), new Masked(), options(3, 1, 4), communicator)) {
                    while (!trainer.isFinished()) {
                        trainer.next();
                    }
                    return values(student);
                }
            }
        });
    }

    private static void follow(Decoder student, Decoder teacher, Communicator communicator) {
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        try (var follower = new TrainingFollower(student, objective(teacher, 0.2), options(3, 1, 4), communicator)) {
            follower.run();
        }
    }

    private static Distillation objective(Decoder teacher, double crossEntropy) {
        return new Distillation(teacher, new DistillationObjective(Divergence.FORWARD_KL, 1, crossEntropy));
    }

    private static TrainingOptions options(long steps, int batch, int accumulation) {
        return new TrainingOptions(steps, batch, accumulation, LENGTH, new LearningRateSchedule.Constant(1e-2, 1),
                new AdamW.Settings(0.9, 0.95, 1e-8, 0), 1e9);
    }

    private static Decoder teacher() {
        return Decoder.create(ORION, new RandomWeights(ORION.toBuilder().initializerRange(0.3).build(), 1), Device.cpu());
    }

    private static Decoder student() {
        DecoderConfig llama = ORION.toLlama();
        Decoder student = Decoder.create(llama, new RandomWeights(llama.toBuilder().initializerRange(0.3).build(), 2), Device.cpu());
        student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
        return student;
    }

    private static Map<String, float[]> values(Decoder model) {
        Map<String, float[]> values = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloatArray()));
        return values;
    }

    /** Random sequences of which the last tokens are predicted, as many as given. */
    private static final class Masked implements TokenSequences {
        private final int[] predicted;
        private long position;

        Masked(int... predicted) {
            this.predicted = predicted.length == 0 ? PREDICTED : predicted;
        }

        @Override
        public int[] next(int batch) {
            return IntStream.range(0, batch).mapToObj(_ -> sequence()).flatMapToInt(Arrays::stream).toArray();
        }

        private int[] sequence() {
            int count = predicted[(int) (position % predicted.length)];
            int[] ids = new SplittableRandom(position++).ints(LENGTH + 1, 0, ORION.vocabSize()).toArray();
            for (int i = 0; i <= LENGTH - count; i++) {
                ids[i] = TokenMask.masked(ids[i]);
            }
            return ids;
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public void seek(long target) {
            position = target;
        }
    }
}
