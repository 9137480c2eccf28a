package kept.report;

/**
 * The cost of producing a student.
 *
 * @param mapping the mapping's name
 * @param seconds the time the mapping took to measure and compute, including reading the teacher's weights, without writing
 * @param tensorBytes the peak of tensor memory during the mapping, beyond what was in use before
 * @param parameters the number of the student's parameters
 */
public record MappingCost(String mapping, double seconds, long tensorBytes, long parameters) {}
