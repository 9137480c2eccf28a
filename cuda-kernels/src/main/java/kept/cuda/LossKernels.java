package kept.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.backend.DistillationObjective;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Loss kernels with one block per row of logits {@code [rows, vocabulary]}. */
final class LossKernels {
    private static final String MODULE = "losses";

    private final Gpu gpu;

    LossKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        long rows = losses.elementCount();
        if (rows == 0) {
            return;
        }
        int width = width(student);
        double temperature = objective.temperature();
        double weight = objective.crossEntropyWeight();
        if (weight > 0) {
            checkLabels("distillationRows", labels, width);
        }
        String entry = switch (objective.divergence()) {
            case FORWARD_KL -> "distillation_forward_rows_f32";
            case REVERSE_KL -> "distillation_reverse_rows_f32";
            case JENSEN_SHANNON -> "distillation_jensen_shannon_rows_f32";
        };
        gpu.launch(MODULE, entry, RowGrid.of(rows, width))
                .pointer(teacher).pointer(student).pointer(weight > 0 ? labels : null).pointer(losses).pointer(divergences).i32(width)
                .f32(1 / temperature)
                // Gradient by the logits: the objective's factor temperature^2 times 1 / temperature from the scaled logits.
                .f32(scale * (1 - weight) * temperature).f32(scale * weight)
                .f32((1 - weight) * temperature * temperature).f32(weight)
                .run();
    }

    void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        long rows = labels.elementCount();
        if (rows == 0) {
            return;
        }
        int width = width(logits);
        checkLabels("crossEntropyRows", labels, width);
        gpu.launch(MODULE, "cross_entropy_rows_f32", RowGrid.of(rows, width))
                .pointer(logits).pointer(labels).pointer(losses).i32(width).f32(scale)
                .run();
    }

    private static int width(Tensor rows) {
        return Extents.of("loss", "vocabulary", rows.size(-1));
    }

    /** Checks the labels on the host, since they are few. This synchronizes with the device, so that nothing is overwritten if a label is invalid. */
    private void checkLabels(String operation, Tensor labels, int vocabulary) {
        MemorySegment values = MemorySegment.ofArray(new long[Extents.of(operation, "number of labels", labels.elementCount())]);
        gpu.download(Gpu.address(labels), values);
        for (long row = 0; row < labels.elementCount(); row++) {
            long label = values.getAtIndex(ValueLayout.JAVA_LONG, row);
            if (label >= vocabulary) {
                throw new ShapeException(("[%s] label %d of row %d lies outside the vocabulary of %d: "
                        + "give token ids below it, or a negative one to skip the row").formatted(operation, label, row, vocabulary));
            }
        }
    }
}
