package kept.cuda.driver;

/**
 * Where one of a kernel's arguments lies.
 *
 * @param offset from the first argument, in bytes
 * @param size in bytes
 */
public record Parameter(long offset, long size) {}
