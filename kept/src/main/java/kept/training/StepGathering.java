package kept.training;

import static kept.training.StepTensors.firstLayer;
import static kept.training.StepTensors.largestLayer;
import static kept.training.StepTensors.largestNeighbours;
import static kept.training.StepTensors.lastGroup;
import static kept.training.StepTensors.ofLayers;
import static kept.training.StepTensors.parameters;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import kept.model.ModelTensor;
import kept.model.TensorRole;

/** What the ranks of a {@link StepPlan} gather of weights that lie divided over them, and what they send. */
final class StepGathering {
    private final StepPlan plan;
    private final List<ModelTensor> own;
    private final boolean isSharing;
    private final int firstTrained;
    private final List<Group> groups;

    StepGathering(StepPlan plan) {
        this.plan = plan;
        own = plan.own();
        isSharing = plan.sharesWeights();
        firstTrained = plan.firstTrainedLayer();
        groups = groups();
    }

    /**
     * The weights that the student uses together: the embedding, a layer, or the final norm and the head.
     *
     * @param shared bytes of those that are the teacher's
     * @param own bytes of the others
     */
    private record Group(long shared, long own) {}

    /** What a rank gathers at a time. */
    long bytes() {
        if (!plan.shares().dividesParameters()) {
            return 0;
        }
        // The student's first layer is left from the pass before.
        long taught = plan.teacherGroup(largestNeighbours(plan.held())) + ofStudent(firstLayer(own));
        return Math.max(taught, isSharing ? neighbours() : ofLast() + ofStudent(largestNeighbours(own)));
    }

    private long ofStudent(long numbers) {
        return plan.precision().weights().bytes() * numbers;
    }

    /** The teacher's head, which stays while the student computes, unless it uses the teacher's layers itself. */
    private long ofLast() {
        return plan.teacherGroup(lastGroup(plan.held()));
    }

    /** The most of a group that is used and one that is left or comes: those of the teacher beside the larger of the student's own. */
    private long neighbours() {
        BinaryOperator<Group> together = (a, b) -> new Group(a.shared + b.shared, Math.max(a.own, b.own));
        return IntStream.range(1, groups.size()).mapToObj(i -> together.apply(groups.get(i - 1), groups.get(i)))
                .mapToLong(pair -> pair.shared + pair.own).max().orElseThrow();
    }

    private List<Group> groups() {
        List<ModelTensor> shared = ModelTensor.of(plan.student()).stream().filter(tensor -> plan.train().shares(tensor.name())).toList();
        List<Group> found = new ArrayList<>();
        found.add(group(shared, tensor -> tensor.role() == TensorRole.EMBEDDING));
        IntStream.range(0, plan.student().layers()).mapToObj(layer -> group(shared, tensor -> tensor.layer() == layer)).forEach(found::add);
        found.add(group(shared, tensor -> tensor.layer() < 0 && tensor.role() != TensorRole.EMBEDDING));
        return found;
    }

    private Group group(List<ModelTensor> shared, Predicate<ModelTensor> members) {
        return new Group(plan.teacherGroup(parameters(shared.stream().filter(members).toList())),
                ofStudent(parameters(own.stream().filter(members).toList())));
    }

    /**
     * In the backward pass of a layer, or of the final norm and the head: what is of the teacher, and weights of the student.
     *
     * @param layer from 0; the number of layers for what comes after them
     */
    long backwardBytes(int layer) {
        if (!plan.shares().dividesParameters()) {
            return 0;
        }
        boolean isLast = layer <= firstTrained;
        if (isSharing) {
            Group above = groups.get(Math.min(layer + 2, groups.size() - 1));
            Group here = groups.get(layer + 1);
            return isLast ? Math.max(here.shared, above.shared) + here.own : neighbours();
        }
        long other = layer == plan.student().layers() ? lastGroup(own) : isLast ? 0 : largestLayer(own);
        return ofLast() + ofStudent(largestLayer(own) + other);
    }

    /** What a rank sends in a step, on average. */
    long sentBytes() {
        long gradients = plan.gradientBytes();
        long layers = ofStudent(ofLayers(own));
        // The student gathers what it shares as the teacher does.
        long again = isSharing ? plan.heldTeacherBytes() + plan.teacherGroup(ofLayers(plan.held())) : 0;
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
