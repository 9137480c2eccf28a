package kept.cuda.driver;

/**
 * Layout of a kernel parameter.
 *
 * @param offset offset from the first parameter in bytes
 * @param size size in bytes
 */
public record Parameter(long offset, long size) {}
