package kept.cuda;

import java.util.List;
import kept.cuda.driver.Parameter;

/**
 * A loaded kernel.
 *
 * @param name name of the PTX entry, for messages
 * @param handle kernel handle of the driver
 * @param parameters layout of the parameters; null if the driver is too old to report it
 */
record Kernel(String name, long handle, List<Parameter> parameters) {}
