package kept.training;

import static kept.training.StepTensors.largestNeighbours;
import static kept.training.StepTensors.lastGroup;
import static kept.training.StepTensors.layerGroup;

import java.util.List;
import kept.model.ModelTensor;

/** What the ranks of a {@link StepPlan} gather of weights that lie divided over them, and what they send. */
final class StepGathering {
    private final StepPlan plan;

    StepGathering(StepPlan plan) {
        this.plan = plan;
    }

    /** What a rank gathers at a time. */
    long bytes() {
        if (!plan.shares().dividesParameters()) {
            return 0;
        }
        List<ModelTensor> source = plan.held();
        // The student's first layer is left from the pass before.
        long layer = layerGroup(plan.own());
        return Math.max(plan.teacherGroup(largestNeighbours(source)) + ofStudent(layer),
                bytesOfTeacher() + ofStudent(plan.sharesWeights() ? layer : largestNeighbours(plan.own())));
    }

    private long ofStudent(long numbers) {
        return plan.precision().weights().bytes() * numbers;
    }

    /** The teacher's head stays while the student computes, unless it uses the teacher's layers itself: then one of them comes, or one of its own. */
    private long bytesOfTeacher() {
        List<ModelTensor> source = plan.held();
        return plan.teacherGroup(plan.sharesWeights() ? largestNeighbours(source) : lastGroup(source));
    }

    /** In the backward pass: what is of the teacher, a layer of the student, and another one or the head. */
    long backwardBytes(long others) {
        if (!plan.shares().dividesParameters()) {
            return 0;
        }
        long layer = layerGroup(plan.own());
        if (plan.sharesWeights() && others == 0) {
            return plan.teacherGroup(layerGroup(plan.held())) + ofStudent(layer);
        }
        return bytesOfTeacher() + ofStudent(plan.sharesWeights() ? Math.max(layer, others) : layer + others);
    }

    /** What a rank sends in a step, on average. */
    long sentBytes() {
        long gradients = plan.gradientBytes();
        long layers = plan.student().layers() * ofStudent(layerGroup(plan.own()));
        // The student gathers what it shares as the teacher does.
        long again = plan.sharesWeights() ? plan.heldTeacherBytes() + plan.teacher().layers() * plan.teacherGroup(layerGroup(plan.held())) : 0;
        long taught = plan.isRecorded() ? 0 : plan.teacherBytes();
        double whole = switch (plan.shares().sharding()) {
            case NONE -> 2.0 * gradients;
            case OPTIMIZER -> (double) plan.ownPasses() * gradients + plan.studentBytes();
            // The student's layers once more in the backward pass.
            case ALL -> (double) plan.ownPasses() * (taught + plan.studentBytes() + layers + again + gradients);
        };
        return Math.round(whole * (plan.shares().ranks() - 1) / plan.shares().ranks());
    }
}
