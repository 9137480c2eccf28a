package kept.autograd;

import kept.tensor.Tensor;

/**
 * The comparison of a student with its teacher, row by row.
 *
 * @param divergences {@code [rows]}, F32: KL(teacher || student) in nats
 * @param teacherCrossEntropies {@code [rows]}, F32, in nats; 0 where the label is negative
 * @param studentCrossEntropies {@code [rows]}, F32, in nats; 0 where the label is negative
 * @param agreements {@code [rows]}, I32: 1 where both have the same most likely token
 */
public record DistillationScores(Tensor divergences, Tensor teacherCrossEntropies, Tensor studentCrossEntropies, Tensor agreements) {}
