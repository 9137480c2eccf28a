package kept.evaluation;

/**
 * The fidelity of a student to its teacher on a text.
 *
 * @param tokens the positions compared
 * @param klMean mean of KL(teacher || student) in nats per token
 * @param klP99 its 99th percentile over tokens
 * @param top1Agreement the share of positions at which both models' most likely next token is the same
 * @param perplexityTeacher the teacher's perplexity of the text
 * @param perplexityStudent the student's perplexity of the text
 */
public record Fidelity(
        long tokens, double klMean, double klP99, double top1Agreement, double perplexityTeacher, double perplexityStudent) {}
