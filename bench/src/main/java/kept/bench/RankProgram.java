package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import kept.backend.DistillationObjective;
import kept.corpus.RandomTokens;
import kept.distributed.Communicator;
import kept.distributed.Ranks;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.optim.AdamW;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.Distillation;
import kept.training.StepMetrics;
import kept.training.Trainer;
import kept.training.TrainingFollower;
import kept.training.TrainingOptions;
import kept.training.TrainingRanks;

/**
 * A process that does steps of XKD on request, alone or as one of several ranks. Rank 0 reads the number of steps from standard input, a line
 * for each request, and prints what they took; the other ranks follow it. It ends with its input.
 */
final class RankProgram {
    private static final ObjectMapper JSON = new ObjectMapper();

    private RankProgram() {}

    /**
     * What steps took.
     *
     * @param seconds wall-clock seconds of each step in rank 0
     * @param losses loss of each step
     * @param sentBytes bytes that each rank has sent since it has started
     * @param peakBytes the most bytes of tensors in each rank at any moment since it has started
     */
    record Cost(List<Double> seconds, List<Double> losses, long[] sentBytes, long[] peakBytes) {}

    /**
     * Does steps.
     *
     * @param arguments a {@link RankedStep}
     * @throws IOException if the input cannot be read
     */
    public static void main(String[] arguments) throws IOException {
        try (Communicator ranks = Ranks.open()) {
            try {
                run(RankedStep.of(arguments[0]), ranks);
            } catch (RuntimeException | Error | IOException e) {
                ranks.fail(String.valueOf(e.getMessage()));
                throw e;
            }
        }
    }

    private static void run(RankedStep step, Communicator communicator) throws IOException {
        DecoderConfig orion = step.size().config(Architecture.ORION);
        DecoderConfig llama = step.size().config(Architecture.LLAMA);
        TrainingOptions options = XkdSteps.options(step.size(), step.passes(), Integer.MAX_VALUE, AdamW.Storage.PLAIN);
        try (var ranks = new TrainingRanks(communicator, step.sharding(), Device.cpu());
                Decoder teacher = Decoder.create(orion, ranks.teacher(new RandomWeights(orion, 1)), Device.cpu());
                Decoder student = Decoder.create(llama, ranks.student(new RandomWeights(llama, 2), Map.of()), Device.cpu())) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            if (communicator.rank() > 0) {
                ranks.onJoin(_ -> ofEachRank(communicator));
                try (var follower = new TrainingFollower(student, objective, options, ranks)) {
                    follower.run();
                }
                return;
            }
            var data = new RandomTokens(step.size().vocabulary(), step.size().sequence() + 1);
            try (var trainer = new Trainer(student, objective, data, options, ranks)) {
                answer(trainer, ranks, communicator);
            }
        }
    }

    private static void answer(Trainer trainer, TrainingRanks ranks, Communicator communicator) throws IOException {
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            List<Double> seconds = new ArrayList<>();
            List<Double> losses = new ArrayList<>();
            for (int step = Integer.parseInt(request); step > 0; step--) {
                StepMetrics metrics = trainer.next();
                seconds.add(metrics.seconds());
                losses.add(metrics.loss());
            }
            ranks.join(0);
            long[] bytes = ofEachRank(communicator);
            int size = communicator.size();
            System.out.println(JSON.writeValueAsString(
                    new Cost(seconds, losses, Arrays.copyOf(bytes, size), Arrays.copyOfRange(bytes, size, 2 * size))));
            System.out.flush();
        }
    }

    /** Called in all ranks: the bytes that each has sent, then the peaks of their memory. */
    private static long[] ofEachRank(Communicator ranks) {
        try (var _ = Scope.open(Device.cpu())) {
            long[] own = new long[2 * ranks.size()];
            own[ranks.rank()] = ranks.bytesSent();
            own[ranks.size() + ranks.rank()] = Device.cpu().memoryUsage().peakInUse();
            Tensor all = Tensor.of(own);
            ranks.allReduce(all);
            return all.toLongArray();
        }
    }
}
