package kept.report;

/**
 * What making a student took.
 *
 * @param mapping the mapping's name
 * @param seconds all that the mapping measured and computed, reading the teacher's weights included, without writing
 * @param tensorBytes the most bytes of tensors in use while it did, beyond those before
 * @param parameters the numbers of the student
 */
public record MappingCost(String mapping, double seconds, long tensorBytes, long parameters) {}
