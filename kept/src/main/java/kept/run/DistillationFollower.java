package kept.run;

import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.training.Sharding;
import kept.training.TrainingFollower;
import kept.training.TrainingObjective;
import kept.training.TrainingRanks;

/** A rank other than 0 in a distillation: it has a teacher and a student, does its passes of each step, and neither reads text nor writes files. */
final class DistillationFollower {
    private final DistillationTask task;
    private final Progress progress;
    private final Communicator ranks;

    DistillationFollower(DistillationTask task, Progress progress, Communicator ranks) {
        this.task = task;
        this.progress = progress;
        this.ranks = ranks;
    }

    /** Follows rank 0 until it ends the training. */
    void run() {
        DistillationRun settings = task.settings();
        DecoderConfig target = task.mapping().target();
        DType type = settings.training().weightType();
        Device device = settings.device();
        Sharding sharding = TrainingRanks.agree(ranks, null);
        try (var checkpoint = Checkpoint.open(settings.teacher());
                var run = new TrainingRanks(ranks, sharding, device)) {
            CheckpointWeights.requireTensors(checkpoint, task.mapping().source());
            measure(settings.mapping(), checkpoint);
            run.onJoin(number -> measure(settings.compared().get(number), checkpoint));
            try (DistillationTeacher teacher = DistillationTeacher.of(task, checkpoint, run);
                    // Rank 0 sends the values.
                    Decoder student = Decoder.create(target, run.student((_, shape) -> Tensor.full(0, type, shape), teacher.shared()),
                            task.adapters(), device)) {
                task.trained().apply(student);
                student.setActivationCheckpointing(settings.training().checkpointActivations());
                TrainingObjective objective = teacher.objective(settings.objective());
                // A signal that reaches this rank alone, or all, leaves rank 0 the time to end the step and to save.
                try (var stop = progress.stop();
                        var follower = new TrainingFollower(student, objective, task.options(), run)) {
                    run.onStop(stop::isWanted);
                    follower.run();
                }
            }
        }
    }

    /** Shares the measurement of a mapping, if there is any. */
    private void measure(MappingChoice choice, Checkpoint checkpoint) {
        if (choice.isCalibrated()) {
            DistillationRun settings = task.settings();
            new Measurement(choice, task.mapping(), Measurement.directoryOf(settings.output()), Resume.NO, Progress.NONE, ranks)
                    .follow(checkpoint, settings.device());
        }
    }
}
