package kept.run;

import java.lang.module.ModuleDescriptor;

/** The version of this software. */
public final class SoftwareVersion {
    private static final String SOURCE = "(built from source)";

    private SoftwareVersion() {}

    /**
     * Returns name and version.
     *
     * @return such as {@code kept 0.1.0}; without a jar, {@code kept (built from source)}
     */
    public static String text() {
        ModuleDescriptor module = SoftwareVersion.class.getModule().getDescriptor();
        return "kept " + (module == null ? SOURCE : module.rawVersion().orElse(SOURCE));
    }
}
