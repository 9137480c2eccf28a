package kept.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.BiConsumer;
import kept.checkpoint.Checkpoint;
import kept.corpus.TextCoverage;
import kept.corpus.TokenMask;
import kept.corpus.TokenSequences;
import kept.distributed.Communicator;
import kept.evaluation.TextEvaluation;
import kept.io.DiskSpace;
import kept.io.FileException;
import kept.io.OutputKind;
import kept.io.ResumableDirectory;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.recording.LogitRecorder;
import kept.recording.RecordedForm;
import kept.recording.RecordingLayout;
import kept.recording.RecordingWriter;
import kept.safetensors.SafetensorsFile;
import kept.tensor.TensorException;
import kept.text.Counts;
import kept.tokenizer.Tokenizer;
import kept.training.StepPlan;
import kept.training.TrainingOptions;

/**
 * The recording of a teacher's logits. Rank 0 reads the text and hands out the files of the recording one after another; each rank has the whole
 * teacher and writes the files it is given, whose content depends on their sequences alone. So any number of ranks writes the same files.
 */
final class RecordingProcess {
    private final DistillationTask task;
    private final DistillationRun settings;
    private final TrainingOptions options;
    private final RecordingLayout layout;
    private final Communicator ranks;
    private final Progress progress;
    private final RecordingRounds rounds;

    RecordingProcess(DistillationTask task, RecordedForm form, Progress progress) {
        this.task = task;
        this.progress = progress;
        settings = task.settings();
        options = task.options();
        ranks = settings.ranks();
        rounds = new RecordingRounds(ranks);
        int vocabulary = task.mapping().source().vocabSize();
        layout = new RecordingLayout(form.within(vocabulary), vocabulary, options.sequenceLength(),
                options.steps() * options.accumulation() * options.batchSize());
    }

    /** Records, in rank 0. If that fails, the others are told why. */
    DistillationRun.Recorded run() {
        try {
            return record();
        } catch (StoppedException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            ranks.fail(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private DistillationRun.Recorded record() {
        requireMemory();
        try (var checkpoint = Checkpoint.open(settings.teacher());
                Tokenizer tokenizer = Tokenizer.load(settings.teacher());
                var stop = progress.stop()) {
            CheckpointWeights.requireTensors(checkpoint, task.mapping().source());
            Notes.report(progress, settings.teacher(), checkpoint);
            tokenizer.requireVocabulary(task.mapping().source().vocabSize());
            long learnt = DistillationText.learnt(task, options);
            BiConsumer<String, TextCoverage> report = (name, coverage) -> progress.note("%s: %s".formatted(name, coverage.description()));
            try (var text = DistillationText.read(settings, options, learnt, task.encoder(tokenizer), report)) {
                text.report(options, report, progress);
                SequencedMap<String, String> known = RecordingUse.settings(task, checkpoint, text);
                try (var directory = ResumableDirectory.prepare(settings.output(), OutputKind.RECORDING, settings.isOverwriting(),
                        settings.resume().isWanted(), journal(known), settings.inputs())) {
                    if (directory.isInPlace()) {
                        rounds.end();
                    } else {
                        write(checkpoint, text, directory, known, learnt, stop);
                    }
                    directory.commit();
                }
            }
        }
        return new DistillationRun.Recorded(settings.output(), layout, bytes());
    }

    /** The settings that a resumed recording must have too. */
    private SequencedMap<String, String> journal(SequencedMap<String, String> known) {
        var journal = new LinkedHashMap<String, String>();
        journal.put("recorded", layout.form().toString());
        journal.put("tokens", "%,d".formatted(layout.tokens()));
        journal.put("batch size", Integer.toString(options.batchSize()));
        journal.put("computed on", settings.device().backend().arithmetic());
        journal.putAll(known);
        return journal;
    }

    private long bytes() {
        long bytes = 0;
        for (int file = 0; file < layout.files(); file++) {
            bytes += settings.output().resolve(RecordingLayout.fileName(file)).toFile().length();
        }
        return bytes;
    }

    /** A teacher without a student: its weights, the tensors of a layer, and logits of a chunk with what is computed from them. */
    private void requireMemory() {
        DistillationPlan plan = task.plan(StepPlan.Shares.ONE);
        DecoderConfig config = task.mapping().source();
        long heads = (long) config.headDimension() * (config.heads() + config.keyValueHeads());
        long rows = (long) options.batchSize() * options.sequenceLength();
        long peak = plan.step().teacherBytes() + plan.bytesBesideTensors()
                + Float.BYTES * rows * (4L * config.hiddenSize() + 2 * heads + 3L * config.intermediateSize())
                + 5 * plan.step().precision().chunkBytes();
        MachineMemory memory = MachineMemory.of(settings.device(), ranks.localSize());
        if (peak > memory.total()) {
            throw new RunException("[memory] to record takes about %s, and %s has %s; lower --batch-size or --sequence-length, or record elsewhere"
                    .formatted(MachineMemory.inWords(peak), plan.owner(), MachineMemory.inWords(memory.total())));
        }
    }

    private void write(Checkpoint checkpoint, DistillationText text, ResumableDirectory directory, SequencedMap<String, String> known, long learnt,
            Progress.Stop stop) {
        try {
            List<TextEvaluation> heldOut = new ArrayList<>(List.of(text.during()));
            heldOut.addAll(text.evaluations());
            List<Integer> missing = missing(directory.directory());
            DiskSpace.require(directory.directory(), settings.output(), tokens(missing) * layout.form().bytesPerToken(layout.vocabulary())
                    + heldOutBytes(heldOut, directory.directory()));
            try (Decoder teacher = teacher(checkpoint)) {
                RecordingWriter writer = writer(teacher, directory.directory());
                writeHeldOut(writer, heldOut, directory.directory(), stop);
                writeFiles(writer, missing, text, stop);
                writer.describe(known, learnt, heldOut, facts());
            }
        } catch (StoppedException e) {
            progress.note(directory.finishedFiles().isEmpty() ? "stopped; no file was finished, so nothing is kept" : "stopped; " + kept(directory));
            throw e;
        } catch (RunException e) {
            throw e;
        } catch (TensorException e) {
            if (directory.finishedFiles().isEmpty()) {
                throw e;
            }
            throw new RunException(e.getMessage() + "; " + kept(directory), e);
        }
    }

    private void writeHeldOut(RecordingWriter writer, List<TextEvaluation> texts, Path directory, Progress.Stop stop) {
        for (int number = 0; number < texts.size(); number++) {
            requireNoStop(stop);
            if (!isWhole(directory.resolve(RecordingLayout.heldOutName(number)))) {
                writer.writeHeldOut(number, texts.get(number));
            }
        }
    }

    private void writeFiles(RecordingWriter writer, List<Integer> missing, DistillationText text, Progress.Stop stop) {
        long done = layout.tokens() - tokens(missing);
        TokenSequences sequences = text.sequences();
        try (var work = Work.begin(progress, "record", Progress.Unit.TOKENS, layout.tokens(), done)) {
            for (int from = 0; from < missing.size(); from += ranks.size()) {
                requireNoStop(stop);
                List<Integer> round = missing.subList(from, Math.min(missing.size(), from + ranks.size()));
                long before = done;
                rounds.next(round, file -> {
                    sequences.seek((long) file * layout.fileSequences());
                    return TokenMask.ids(sequences.next(layout.sequencesOf(file)));
                }, (file, ids) -> writer.write(file, count -> {
                    work.done(before + (long) count * round.size() * layout.length());
                    return !stop.isWanted();
                }, ids));
                done += tokens(round);
            }
            requireNoStop(stop);
        }
        rounds.end();
    }

    private void requireNoStop(Progress.Stop stop) {
        if (stop.isWanted() || rounds.isStopWanted()) {
            rounds.end();
            throw new StoppedException();
        }
    }

    private long tokens(List<Integer> files) {
        return files.stream().mapToLong(file -> (long) layout.sequencesOf(file) * layout.length()).sum();
    }

    private static String kept(ResumableDirectory directory) {
        return "%s in %s; the same command with --resume continues from there".formatted(
                Counts.of(directory.finishedFiles().size(), "finished file"), directory.partial());
    }

    /** The files of the training text that are not finished. */
    private List<Integer> missing(Path directory) {
        List<Integer> missing = new ArrayList<>();
        for (int file = 0; file < layout.files(); file++) {
            if (!isWhole(directory.resolve(RecordingLayout.fileName(file)))) {
                missing.add(file);
            }
        }
        if (missing.size() < layout.files()) {
            progress.note("resuming: %s finished before".formatted(Counts.of(layout.files() - missing.size(), "file")));
        }
        return missing;
    }

    /** Whether a file was finished by an earlier run; a damaged one is written again. */
    private static boolean isWhole(Path path) {
        if (!Files.exists(path)) {
            return false;
        }
        try (var file = SafetensorsFile.open(path)) {
            file.requireIntact();
            return true;
        } catch (FileException e) {
            return false;
        }
    }

    private long heldOutBytes(List<TextEvaluation> texts, Path directory) {
        long bytes = 0;
        for (int number = 0; number < texts.size(); number++) {
            bytes += Files.exists(directory.resolve(RecordingLayout.heldOutName(number))) ? 0
                    : texts.get(number).tokens() * task.mapping().source().hiddenSize() * Float.BYTES;
        }
        return bytes;
    }

    private Decoder teacher(Checkpoint checkpoint) {
        return Decoder.create(task.mapping().source(), new CheckpointWeights(checkpoint), settings.device());
    }

    private RecordingWriter writer(Decoder teacher, Path directory) {
        return new RecordingWriter(directory, layout, teacher,
                new LogitRecorder(layout.form(), settings.objective().temperature(), settings.training().seed()), options.batchSize());
    }

    private Map<String, String> facts() {
        var facts = new LinkedHashMap<String, String>();
        facts.put("teacher", ModelCard.nameOf(settings.teacher()));
        facts.put("batch size", Integer.toString(options.batchSize()));
        facts.put("accumulation", Integer.toString(options.accumulation()));
        facts.put("command", settings.command());
        facts.put("version", SoftwareVersion.text());
        return facts;
    }

    /** Writes the files that rank 0 hands out, in another rank. */
    void follow() {
        try (var checkpoint = Checkpoint.open(settings.teacher()); var stop = progress.stop()) {
            CheckpointWeights.requireTensors(checkpoint, task.mapping().source());
            try (Decoder teacher = teacher(checkpoint)) {
                RecordingWriter writer = writer(teacher, ResumableDirectory.files(settings.output()));
                rounds.follow((file, ids) -> writer.write(file, _ -> !stop.isWanted(), ids), stop);
            }
        }
    }
}
