package kept.run;

import java.lang.module.ModuleDescriptor;
import java.util.Optional;

/** The version of this software. */
public final class SoftwareVersion {
    private static final String SOURCE = "(built from source)";

    private SoftwareVersion() {}

    /**
     * Returns name and version.
     *
     * @return such as {@code kept 0.1.0}, as the module or the jar on the class path says; {@code kept (built from source)} without either
     */
    public static String text() {
        ModuleDescriptor module = SoftwareVersion.class.getModule().getDescriptor();
        Optional<String> version = module == null
                ? Optional.ofNullable(SoftwareVersion.class.getPackage().getImplementationVersion()) : module.rawVersion();
        return "kept " + version.orElse(SOURCE);
    }
}
