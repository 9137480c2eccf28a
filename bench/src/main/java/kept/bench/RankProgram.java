package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
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
import kept.training.Distillation;
import kept.training.Trainer;
import kept.training.TrainingFollower;
import kept.training.TrainingOptions;
import kept.training.TrainingRanks;

/**
 * A process that does steps of XKD on request, alone or as one of several ranks. Rank 0 reads the number of steps from standard input, a line for each
 * request, and prints what they took; the other ranks follow it. It ends with its input.
 */
final class RankProgram {
    private static final ObjectMapper JSON = new ObjectMapper();

    private RankProgram() {}

    /**
     * What steps took in rank 0.
     *
     * @param seconds wall-clock seconds of each step
     * @param losses loss of each step
     * @param sentBytes bytes that the rank sent
     * @param peakBytes the most bytes of tensors at any moment since the process has started
     */
    record Cost(List<Double> seconds, List<Double> losses, long sentBytes, long peakBytes) {}

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
                Decoder student = Decoder.create(llama, ranks.student(new RandomWeights(llama, 2)), Device.cpu())) {
            student.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            var objective = new Distillation(teacher, DistillationObjective.FORWARD_KL);
            if (communicator.rank() > 0) {
                try (var follower = new TrainingFollower(student, objective, options, ranks)) {
                    follower.run();
                }
                return;
            }
            var data = new RandomTokens(step.size().vocabulary(), step.size().sequence() + 1);
            try (var trainer = new Trainer(student, objective, data, options, ranks)) {
                answer(trainer, communicator);
            }
        }
    }

    private static void answer(Trainer trainer, Communicator ranks) throws IOException {
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            long before = ranks.bytesSent();
            List<Double> seconds = new ArrayList<>();
            List<Double> losses = new ArrayList<>();
            for (int step = Integer.parseInt(request); step > 0; step--) {
                var metrics = trainer.next();
                seconds.add(metrics.seconds());
                losses.add(metrics.loss());
            }
            var cost = new Cost(seconds, losses, ranks.bytesSent() - before, Device.cpu().backend().memoryUsage().peakInUse());
            System.out.println(JSON.writeValueAsString(cost));
            System.out.flush();
        }
    }
}
