package kept.mapping;

/**
 * A tensor of the source that has no place in the target.
 *
 * @param source the tensor's name in the source checkpoint
 * @param reason why it can or must be left out
 */
public record DroppedTensor(String source, String reason) {}
