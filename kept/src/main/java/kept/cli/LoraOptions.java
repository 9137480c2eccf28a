package kept.cli;

import java.util.Locale;
import kept.model.Lora;
import kept.run.AdapterOutput;
import kept.training.ParameterSelection;
import picocli.CommandLine.Option;

/** Low-rank adapters, which {@code --train lora} trains: their settings by PEFT's names, and how they are written. */
public final class LoraOptions {
    /** How adapters are written. */
    enum Form {
        MERGED(AdapterOutput.MERGED),
        ADAPTER(AdapterOutput.ADAPTER);

        private final AdapterOutput output;

        Form(AdapterOutput output) {
            this.output = output;
        }

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Option(names = "--lora-rank", paramLabel = "R", defaultValue = "" + Lora.USUAL_RANK, order = 8,
            description = "With --train lora: rank of the adapters, r of PEFT (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--lora-alpha", paramLabel = "A", order = 8,
            description = "With --train lora: scale of the adapters times their rank, lora_alpha of PEFT (default: twice the rank).")
    private Double alpha;

    @Option(names = "--lora-target", paramLabel = "PATTERN", defaultValue = Lora.ALL, order = 8,
            description = "With --train lora: projections with adapters, ${DEFAULT-VALUE} (the default; all seven of each layer) or a regular "
                    + "expression for their names, such as q_proj|v_proj.")
    private String target;

    @Option(names = "--lora-output", paramLabel = "FORM", defaultValue = "merged", order = 41,
            description = "With --train lora: ${COMPLETION-CANDIDATES}. ${DEFAULT-VALUE}, the default, adds the adapters to the weights; adapter "
                    + "writes them for PEFT in the folder adapter of the output, which is then their base.")
    private Form form;

    /**
     * The selection with the adapters that the options describe.
     *
     * @param selection what --train says
     */
    public ParameterSelection of(ParameterSelection selection) {
        return selection.adapters().isEmpty() ? selection
                : selection.withAdapters(new Lora(rank, alpha == null ? Lora.usualAlpha(rank) : alpha, target));
    }

    /** How adapters are written. */
    public AdapterOutput output() {
        return form.output;
    }
}
