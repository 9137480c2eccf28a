package kept.run;

import java.util.Locale;

/** How a loaded model keeps its matrices. */
public enum LoadedWeights {
    /** In the types of the checkpoint. */
    STORED,
    /** Those of linear maps in blocks with 8.5 bits for each element, as by {@link kept.model.QuantizedWeights}. */
    Q8;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
