package kept.cli;

import java.util.Locale;

/** The mappings that write a checkpoint; those that are only for comparison belong to {@code compare} alone. */
enum MappingName {
    OPM,
    EXACT,
    CALIBRATED;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
