package kept.cuda;

import java.util.List;
import kept.cuda.driver.Parameter;

/**
 * A kernel that has been loaded.
 *
 * @param name the entry, for messages
 * @param handle the driver's
 * @param parameters the layout of its arguments; null where the driver cannot tell
 */
record Kernel(String name, long handle, List<Parameter> parameters) {}
