package kept.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.evaluation.Fidelity;
import kept.generation.LossTokens;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.report.Figures;
import kept.report.RunReport;
import kept.tensor.DType;
import kept.training.ParameterSelection;
import kept.training.RunInputs;
import kept.training.TrainingOptions;
import kept.training.TrainingState;

/** How the result of a distillation is made: the settings that determine it, and what report.json and the model card say of it. */
final class DistillationProvenance {
    private final DistillationTask task;
    private final DistillationRun settings;
    private final Mapping mapping;
    private final TrainingOptions options;
    private final long textSteps;
    private final Optional<RecordingUse> recorded;
    private final DType stored;
    private final ParameterSelection trained;

    /**
     * The provenance of one run.
     *
     * @param task the run
     * @param options the options of its training, those of a resumed run included
     * @param textSteps the steps for which the text is read
     * @param recorded the recording from which it trains, if any
     */
    DistillationProvenance(DistillationTask task, TrainingOptions options, long textSteps, Optional<RecordingUse> recorded) {
        this.task = task;
        this.options = options;
        this.textSteps = textSteps;
        this.recorded = recorded;
        settings = task.settings();
        mapping = task.mapping();
        stored = task.stored();
        trained = task.trained();
    }

    /** The settings that determine the result, apart from the inputs. */
    private SequencedMap<String, String> fingerprint() {
        var print = new LinkedHashMap<String, String>();
        SavedSettings.put(print, "teacher", mapping.source());
        print.putAll(settings.mapping().inWords(mapping));
        print.putAll(TrainingSettings.inWords(options));
        SavedSettings.put(print, "objective", settings.objective());
        recorded.ifPresent(use -> print.put("teacher's logits", use.inWords()));
        print.put("trained", trained.toString());
        trained.adapters().ifPresent(adapters -> SavedSettings.put(print, "lora", adapters));
        print.put("judged", "every %d steps, patience %d".formatted(settings.evaluationInterval(options.steps()), settings.patience()));
        print.put("seed", Long.toString(settings.training().seed()));
        if (textSteps != options.steps()) {
            print.put(TrainingState.TEXT_STEPS, Long.toString(textSteps));
        }
        // Absent in the states of runs with one text and the loss on all tokens, as those of former versions are.
        if (settings.corpora().size() > 1) {
            print.put("weights", settings.corpora().stream().map(text -> "%s %s".formatted(text.name(), text.weight()))
                    .collect(Collectors.joining(", ")));
        }
        if (settings.lossTokens() != LossTokens.ALL) {
            print.put("loss on", settings.lossTokens().toString());
        }
        return print;
    }

    /** The settings and inputs that determine the result, as far as the inputs are known. */
    SequencedMap<String, String> fingerprint(RunInputs inputs) {
        SequencedMap<String, String> print = fingerprint();
        print.put("judged as", stored.label() + (task.adapters() == null || task.mergesAdapters() ? "" : ", with the adapter beside it"));
        print.put("held out of the text", settings.heldOut().isEmpty() ? "%d tokens at most".formatted(settings.evaluationTokens()) : "none");
        print.putAll(inputs.inWords());
        return print;
    }

    /**
     * How the result was made: what determines it, and what else is known of the run.
     *
     * @param checkpoint the teacher's
     * @param given the student's, if it is given
     * @param inputs the texts
     * @param run the training
     * @param parameters the number of trained parameters
     * @param seconds the time to make each stage
     */
    SequencedMap<String, Object> facts(Checkpoint checkpoint, GivenCheckpoint given, RunInputs inputs, TrainingRun run, long parameters,
            SequencedMap<String, Double> seconds) {
        var provenance = new Provenance(settings.command(), settings.device(), settings.ranks().size());
        if (!run.resumptions().isEmpty()) {
            provenance.put(TrainingState.RESUMPTIONS, run.resumptions());
        }
        provenance.putAll(fingerprint());
        provenance.put("teacher", "name", ModelCard.nameOf(settings.teacher())).put("teacher", "fingerprint", checkpoint.fingerprint());
        if (given.isPresent()) {
            provenance.put("student", "name", ModelCard.nameOf(settings.mapping().student())).put("student", "fingerprint", given.fingerprint());
        }
        // Of a user's own words, which may look like numbers.
        provenance.put("trained", trained.toString()).put("trained parameters", parameters).put("stored as", stored.label());
        provenance.put("steps between evaluations", settings.evaluationInterval(options.steps())).put("patience", settings.patience());
        inputs.texts().forEach(provenance::put);
        run.texts().forEach((name, coverage) -> {
            if (inputs.texts().containsKey(name)) {
                provenance.put(name, "description", coverage.description());
            } else {
                provenance.put(name, coverage.description());
            }
        });
        seconds.forEach((stage, took) -> provenance.put("seconds to make", stage, Math.round(10 * took) / 10.0));
        return provenance.facts();
    }

    /** The model whose tensors the student begins with. */
    private DecoderConfig start() {
        return settings.mapping().student() == null ? mapping.source() : mapping.target();
    }

    /** The name of the output if training did not improve the student. */
    String untrained() {
        DType narrowest = settings.training().weightType() == DType.BF16 ? DType.BF16 : stored;
        boolean isRounded = narrowest != DType.F32 && narrowest != start().dtype();
        if (settings.mapping().student() != null) {
            return "the given student" + (isRounded ? ", rounded to " + narrowest.label() : " itself");
        }
        return isRounded ? "the mapping, rounded to " + narrowest.label() : RunReport.MAPPING;
    }

    /**
     * The model card of the result.
     *
     * @param checkpoint the teacher's
     * @param given the student's, if it is given
     * @param report the report
     * @param improved whether training improved the student
     * @param resumptions how the run was resumed in another way than its command says
     */
    ModelCard card(Checkpoint checkpoint, GivenCheckpoint given, RunReport report, boolean improved, List<String> resumptions) {
        String name = settings.mapping().name();
        String from = given.isPresent() ? "and the Llama `%s`".formatted(ModelCard.nameOf(settings.mapping().student()))
                : "by the mapping `%s`".formatted(name);
        String made = from + (improved ? " %s distillation (XKD) on text".formatted(given.isPresent() ? "by" : "and")
                : "; distillation (XKD) on text did not improve it, so this is " + report.untrained());
        var card = ModelCard.ofLlama(settings.teacher(), ModelCard.nameOf(settings.teacher()), mapping, made);
        card.fact("tokens of training", "%,d".formatted(options.steps() * options.tokensPerStep()));
        if (given.isPresent()) {
            card.fact("student", ModelCard.nameOf(settings.mapping().student())).fact("fingerprint of the student", given.fingerprint());
        }
        trained.adapters().ifPresent(adapters -> card.fact("adapters", "%s; %s".formatted(adapters, task.mergesAdapters() ? "merged into the weights"
                : "in the folder " + AdapterFiles.FOLDER + ", for PEFT; the weights are without them")));
        card.fact("fingerprint of the source", checkpoint.fingerprint()).fact("command", settings.command()).resumed(resumptions);
        List<String> lines = new ArrayList<>(List.of(
                "KL is `KL(source || this model)` in nats per token on held-out text; top-1 is the share of positions at which both",
                "predict the same next token. report.html has the curves.", "",
                "| text | KL | top-1 | perplexity of the source | of this model |", "|---|---|---|---|---|"));
        report.domains().forEach(domain -> {
            Fidelity last = domain.stages().lastEntry().getValue();
            lines.add("| %s | %s | %.2f %% | %.2f | %.2f |".formatted(domain.name().replace("|", "\\|"), Figures.divergence(last.klMean()),
                    100 * last.top1Agreement(), last.perplexityTeacher(), last.perplexityStudent()));
        });
        return card.section("Fidelity", lines.toArray(String[]::new));
    }
}
