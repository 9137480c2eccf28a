package kept.mapping;

import kept.tensor.Shape;

/**
 * A tensor that rows of a mapping use in addition to the source's, and that is measured on text before the mapping is used.
 *
 * @param name its name in rows
 * @param shape its shape
 */
public record MeasuredTensor(String name, Shape shape) {}
