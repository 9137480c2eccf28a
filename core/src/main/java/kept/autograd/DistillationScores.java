package kept.autograd;

import kept.tensor.Tensor;

/**
 * How a student compares with its teacher, row by row.
 *
 * @param divergences {@code [rows]}, F32: KL(teacher || student) in nats
 * @param teacherCrossEntropies {@code [rows]}, F32, in nats; 0 where the label is negative
 * @param studentCrossEntropies {@code [rows]}, F32, in nats; 0 where the label is negative
 * @param agreements {@code [rows]}, I32: 1 where both find the same token likeliest
 */
public record DistillationScores(Tensor divergences, Tensor teacherCrossEntropies, Tensor studentCrossEntropies, Tensor agreements) {}
