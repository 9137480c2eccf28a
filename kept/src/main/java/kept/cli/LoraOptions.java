package kept.cli;

import java.util.Locale;
import kept.model.Lora;
import kept.run.AdapterOutput;
import kept.training.ParameterSelection;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

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

    @Spec(Spec.Target.MIXEE)
    private CommandSpec program;

    @Option(names = "--lora-rank", paramLabel = "R", order = 8,
            description = "With --train lora: rank of the adapters, r of PEFT (default: 16).")
    private Integer rank;

    @Option(names = "--lora-alpha", paramLabel = "A", order = 8,
            description = "With --train lora: scale of the adapters times their rank, lora_alpha of PEFT (default: twice the rank).")
    private Double alpha;

    @Option(names = "--lora-target", paramLabel = "PATTERN", order = 8,
            description = "With --train lora: projections with adapters, all-linear (the default; all seven of each layer) or a regular expression "
                    + "for their names, such as q_proj|v_proj.")
    private String target;

    @Option(names = "--lora-output", paramLabel = "FORM", order = 41,
            description = "With --train lora: ${COMPLETION-CANDIDATES}. merged, the default, adds the adapters to the weights; adapter writes them "
                    + "for PEFT in the folder adapter of the output, which is then their base.")
    private Form form;

    /**
     * The selection with the adapters that the options describe.
     *
     * @param selection what --train says
     */
    public ParameterSelection of(ParameterSelection selection) {
        if (selection.adapters().isEmpty()) {
            refuse("--lora-rank", rank);
            refuse("--lora-alpha", alpha);
            refuse("--lora-target", target);
            refuse("--lora-output", form);
            return selection;
        }
        int chosen = rank == null ? Lora.USUAL_RANK : rank;
        return selection.withAdapters(new Lora(chosen, alpha == null ? Lora.usualAlpha(chosen) : alpha, target == null ? Lora.ALL : target));
    }

    private void refuse(String option, Object value) {
        if (value != null) {
            throw new ParameterException(program.commandLine(), option + " is of use only with --train lora");
        }
    }

    /** How adapters are written. */
    public AdapterOutput output() {
        return form == null ? AdapterOutput.MERGED : form.output;
    }
}
