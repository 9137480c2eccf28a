package kept.mapping;

import kept.tensor.Shape;

/**
 * A tensor that rows of a mapping are made of besides the source's, and that is measured on text before the mapping is used.
 *
 * @param name what rows call it
 * @param shape its extents
 */
public record MeasuredTensor(String name, Shape shape) {}
