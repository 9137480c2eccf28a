package kept.training;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Supplier;
import kept.evaluation.Fidelity;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.io.FileException;
import kept.model.Decoder;
import kept.model.HostCopy;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorSpec;

/**
 * Evaluates a student on held-out text during training, with the weights that would be stored, and keeps the state with the lowest KL, including the
 * initial state.
 *
 * <p>The initial state is not stored, because it can be computed again; a later state is in a file, in the checkpoint's type (adapters in their own),
 * and takes no memory. If a run is killed after it has written the file, the file may be of a later step than the training state. That does no harm:
 * the run resumes with the same bits and reaches that step with the same result.
 */
public final class BestState {
    private static final String STEP = "kept.step";

    private final TeacherLogits teacher;
    private final Decoder student;
    private final TextEvaluation text;
    private final StoredRounding rounding;
    private final Weights start;
    private final Path file;
    private HeldOutCurve curve = HeldOutCurve.EMPTY;

    /**
     * Creates an evaluation without results.
     *
     * @param teacher the teacher's logits on the text
     * @param student the student; the parameters to train are trainable
     * @param text the text for the evaluation; neither trained on nor part of the report
     * @param rounding rounds the student to the type in which it will be stored
     * @param start the initial parameters, in the types of the student's
     * @param file the best state's file
     */
    public BestState(TeacherLogits teacher, Decoder student, TextEvaluation text, StoredRounding rounding, Weights start, Path file) {
        this.teacher = teacher;
        this.student = student;
        this.text = text;
        this.rounding = rounding;
        this.start = start;
        this.file = file;
    }

    /**
     * Checks that the best state of a run to be resumed exists and is undamaged. It may be of a later step than the run's state.
     *
     * @param file the best state's file
     * @param step the step of the best result so far; 0 for the initial state, which has no file
     * @throws FileException if it is missing, damaged or of an earlier step
     */
    public static void requireWhole(Path file, long step) {
        if (step == 0) {
            return;
        }
        if (!Files.exists(file)) {
            throw new FileException("best state", file, "is missing, and the best state so far, of step %d, with it".formatted(step));
        }
        try (var saved = SafetensorsFile.open(file)) {
            saved.requireIntact();
            String found = saved.metadata().getOrDefault(STEP, "");
            if (!found.matches("\\d{1,18}") || Long.parseLong(found) < step) {
                throw ofAnotherStep(file, found, step);
            }
        }
    }

    /**
     * Checks that the best state is not of a later step than the run's, which may happen after a kill: with other bits the run may not reach it
     * again, and the previous best state is overwritten.
     *
     * @param file the best state's file, which is {@linkplain #requireWhole whole}
     * @param step the step of the best result so far; 0 for the initial state, which can be computed again
     * @throws FileException if it is of a later step
     */
    public static void requireOfStep(Path file, long step) {
        if (step == 0) {
            return;
        }
        try (var saved = SafetensorsFile.open(file)) {
            String found = saved.metadata().getOrDefault(STEP, "");
            if (!Long.toString(step).equals(found)) {
                throw new FileException("best state", file, ("is of step %s already, which only a run with the same bits reaches again, "
                        + "and that of step %d is overwritten: continue "
                        + "without --allow-other-bits where the run was begun, or start over with --overwrite")
                        .formatted(found, step));
            }
        }
    }

    private static FileException ofAnotherStep(Path file, String found, long step) {
        return new FileException("best state", file, "is of step %s, but the best was step %d; it is not this run's".formatted(found, step));
    }

    /**
     * Restores the results of a resumed run.
     *
     * @param earlier the results up to its step
     */
    public void restore(HeldOutCurve earlier) {
        curve = earlier;
    }

    /**
     * The results so far.
     *
     * @return the curve
     */
    public HeldOutCurve curve() {
        return curve;
    }

    /**
     * Evaluates the student in its current state, and stores it if it is the best so far.
     *
     * @param step the steps done, 0 at the start
     * @param tokens the tokens trained on
     * @return what was found
     * @throws FileException if the best state cannot be written
     */
    public HeldOutResult evaluate(long step, long tokens) {
        HeldOutResult result = rounding.during(() -> {
            Fidelity fidelity = text.compare(teacher, student);
            var found = new HeldOutResult(step, tokens, fidelity.klMean(), fidelity.top1Agreement());
            if (step > 0 && curve.isImprovedBy(found)) {
                write(step);
            }
            return found;
        });
        curve = curve.with(result);
        return result;
    }

    private void write(long step) {
        SequencedMap<String, Parameter> trained = trained();
        List<TensorSpec> specs = trained.entrySet().stream().map(entry ->
                new TensorSpec(entry.getKey(), rounding.stored(entry.getKey(), entry.getValue()), entry.getValue().value().shape())).toList();
        try (var writer = SafetensorsWriter.createWithChecksums(file, specs, Map.of(STEP, Long.toString(step)))) {
            trained.forEach((name, parameter) ->
                    HostCopy.with(parameter.value(), rounding.stored(name, parameter), bytes -> writer.write(name, bytes)));
            writer.finish();
        }
    }

    /**
     * Returns to the student and the result of the best state, because later steps led to NaN or infinity.
     *
     * @return that state's result
     */
    public HeldOutResult goBack() {
        HeldOutResult best = takeUp();
        curve = new HeldOutCurve(curve.results().stream().filter(result -> result.step() <= best.step()).toList());
        return best;
    }

    /**
     * Sets the student's parameters to the stored values of the best state.
     *
     * @return that state's result
     * @throws FileException if its file is not what this run wrote
     */
    public HeldOutResult takeUp() {
        HeldOutResult best = curve.best();
        if (best.step() == 0) {
            trained().forEach((name, parameter) -> assign(parameter, () -> start.get(name, parameter.value().shape())));
        } else {
            read(best.step());
        }
        rounding.roundAll();
        return best;
    }

    private void read(long step) {
        try (var saved = SafetensorsFile.open(file)) {
            if (!Long.toString(step).equals(saved.metadata().get(STEP))) {
                throw ofAnotherStep(file, saved.metadata().get(STEP), step);
            }
            trained().forEach((name, parameter) ->
                    assign(parameter, () -> Tensor.from(saved.data(name), saved.entry(name).dtype(), saved.entry(name).shape())));
        }
    }

    private void assign(Parameter parameter, Supplier<Tensor> value) {
        try (var _ = Scope.open(student.device())) {
            parameter.value().assign(value.get());
        }
    }

    private SequencedMap<String, Parameter> trained() {
        SequencedMap<String, Parameter> trained = new LinkedHashMap<>(student.parameters());
        trained.values().removeIf(parameter -> !parameter.isTrainable());
        return trained;
    }
}
