package kept.evaluation;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.FactoredLogits;
import kept.distributed.SharedItems;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.NormSite;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Runs a teacher and a student on the same sequences, layer by layer, and measures their distances at each norm. Memory holds the streams at one norm
 * at a time; the outputs of norms and projections are computed again for some rows at a time.
 */
final class PairedPass {
    /** The number of elements of an output that are compared at a time: 16 MB of each model in F32. */
    private static final long CHUNK_ELEMENTS = 1L << 22;

    private final Decoder teacher;
    private final Decoder student;
    private final List<NormSite> teacherNorms;
    private final List<NormSite> studentNorms;
    private final int commonLayers;
    /** The norms: two for each layer that both have, one after the last of these if one model has more layers, and the final norm. */
    private final List<SiteDistance> places = new ArrayList<>();
    /** The comparison of the streams after the layers that both models have. */
    private final SiteDistance end;
    private final SiteDistance last;
    /** For each sequence that was read: the sums of each place. */
    private final List<double[]> read = new ArrayList<>();

    PairedPass(Decoder teacher, Decoder student) {
        this.teacher = teacher;
        this.student = student;
        teacherNorms = teacher.norms();
        studentNorms = student.norms();
        commonLayers = Math.min(teacher.config().layers(), student.config().layers());
        for (int i = 0; i < 2 * commonLayers; i++) {
            places.add(new SiteDistance("layer %d %s".formatted(i / 2, i % 2 == 0 ? "attention" : "MLP")));
        }
        last = new SiteDistance("final norm");
        if (sameDepth()) {
            end = last;
        } else {
            end = new SiteDistance("after layer " + (commonLayers - 1));
            places.add(end);
        }
        places.add(last);
    }

    private boolean sameDepth() {
        return teacher.config().layers() == student.config().layers();
    }

    /**
     * Processes a sequence; must not be recorded.
     *
     * @param ids {@code [1, length]}
     * @return the logits, whose hidden states belong to the current scope
     */
    PairedLogits read(Tensor ids) {
        Tensor taught = teacher.embed(ids);
        Tensor learnt = student.embed(ids);
        Scope scope = Scope.current();
        for (int layer = 0; layer < commonLayers; layer++) {
            int site = 2 * layer;
            compare(site, taught, learnt);
            var middle = new Tensor[1];
            taught = teacher.forwardLayer(layer, taught, (norm, stream) -> {
                if (norm.equals(teacherNorms.get(site + 1).name())) {
                    middle[0] = scope.adopt(stream.copy());
                }
            });
            learnt = student.forwardLayer(layer, learnt, (norm, stream) -> {
                if (norm.equals(studentNorms.get(site + 1).name())) {
                    compare(site + 1, middle[0], stream);
                }
            });
            scope.release(middle[0]);
        }
        inChunks(taught, learnt, teacher.config().hiddenSize(), end::addStreams);
        taught = hidden(teacher, teacherNorms, taught);
        learnt = hidden(student, studentNorms, learnt);
        PairedLogits logits = PairedLogits.of(
                new FactoredLogits(taught, teacher.headWeight()), new FactoredLogits(learnt, student.headWeight()));
        inChunks(taught, learnt, logits.teacher().vocabulary(), (t, s) -> {
            last.addNorms(t, s);
            last.addLogits(t.linear(logits.teacher().head()), s.linear(logits.student().head()));
        });
        var sums = new double[places.size() * SiteDistance.SUMS];
        var next = new RelativeDistance.Sums(sums, 0);
        places.forEach(place -> place.take(next));
        read.add(sums);
        return logits;
    }

    /** Runs the layers that only this model has, and its final norm. */
    private Tensor hidden(Decoder model, List<NormSite> norms, Tensor stream) {
        Tensor next = stream;
        for (int layer = commonLayers; layer < model.config().layers(); layer++) {
            next = model.forwardLayer(layer, next, (_, _) -> { });
        }
        return norms.getLast().norm().forward(next);
    }

    private void compare(int site, Tensor taught, Tensor learnt) {
        NormSite t = teacherNorms.get(site);
        NormSite s = studentNorms.get(site);
        SiteDistance place = places.get(site);
        long widest = t.projections().stream().mapToLong(map -> map.weight().value().size(0)).sum();
        inChunks(taught, learnt, widest, (someTaught, someLearnt) -> {
            place.addStreams(someTaught, someLearnt);
            Tensor teacherOutput = t.norm().forward(someTaught);
            Tensor studentOutput = s.norm().forward(someLearnt);
            place.addNorms(teacherOutput, studentOutput);
            place.addProjections(t.projections().stream().map(map -> map.forward(teacherOutput)).toList(),
                    s.projections().stream().map(map -> map.forward(studentOutput)).toList());
        });
    }

    @FunctionalInterface
    private interface Chunk {
        void accept(Tensor teacher, Tensor student);
    }

    /** Passes rows {@code [some, width]} to an observer, and frees the tensors that it creates. */
    private static void inChunks(Tensor taught, Tensor learnt, long widest, Chunk chunk) {
        Tensor teacherRows = rows(taught);
        Tensor studentRows = rows(learnt);
        long most = Math.max(1, CHUNK_ELEMENTS / widest);
        for (long from = 0; from < teacherRows.size(0); from += most) {
            long to = Math.min(teacherRows.size(0), from + most);
            try (var _ = Scope.open(taught.device())) {
                chunk.accept(teacherRows.slice(0, from, to), studentRows.slice(0, from, to));
            }
        }
    }

    private static Tensor rows(Tensor x) {
        return x.reshape(x.elementCount() / x.size(-1), x.size(-1));
    }

    /**
     * The distances over the sequences of all ranks, each of which has read its own; sums of sequences are added in their order.
     *
     * @param sequences how they are divided
     */
    LayerDistances distances(SharedItems sequences) {
        int width = places.size() * SiteDistance.SUMS;
        double[] sums = new double[Math.toIntExact(sequences.items() * width)];
        for (int i = 0; i < read.size(); i++) {
            System.arraycopy(read.get(i), 0, sums, (sequences.first() + i) * width, width);
        }
        sequences.gather(sums);
        for (int from = 0; from < sums.length; from += width) {
            var next = new RelativeDistance.Sums(sums, from);
            places.forEach(place -> place.add(next));
        }
        return new LayerDistances(places.stream().map(SiteDistance::place).toList(), notes());
    }

    private List<String> notes() {
        List<String> notes = new ArrayList<>();
        DecoderConfig t = teacher.config();
        DecoderConfig s = student.config();
        if (!sameDepth()) {
            notes.add("the teacher has %d layers, the student %d: layers are compared by their index, %s left out".formatted(t.layers(), s.layers(),
                    leftOut(t.layers() > s.layers() ? "teacher" : "student", Math.max(t.layers(), s.layers()))));
        }
        if (t.hiddenSize() != s.hiddenSize()) {
            notes.add("the teacher's stream is %,d wide, the student's %,d: neither streams nor outputs of norms can be compared"
                    .formatted(t.hiddenSize(), s.hiddenSize()));
        }
        if (t.heads() * t.headDimension() != s.heads() * s.headDimension()
                || t.keyValueHeads() * t.headDimension() != s.keyValueHeads() * s.headDimension()) {
            notes.add("queries, keys and values are not compared: the models' heads differ in number or width");
        }
        if (t.intermediateSize() != s.intermediateSize()) {
            notes.add("outputs of gate and up are not compared: the teacher's are %,d wide, the student's %,d"
                    .formatted(t.intermediateSize(), s.intermediateSize()));
        }
        return notes;
    }

    private String leftOut(String model, int layers) {
        return layers - commonLayers == 1 ? "the %s's layer %d is".formatted(model, commonLayers)
                : "the %s's layers %d to %d are".formatted(model, commonLayers, layers - 1);
    }
}
