package kept.evaluation;

import java.util.List;
import kept.tensor.Tensor;

/** Computes the distances at one norm. Rows are tokens; rows of different widths are skipped. */
final class SiteDistance {
    /** The numbers that {@link #take} moves. */
    static final int SUMS = 7;

    private final String name;
    private final RelativeDistance.Fitted streams = new RelativeDistance.Fitted();
    private final RelativeDistance norms = new RelativeDistance();
    private final RelativeDistance projections = new RelativeDistance();

    SiteDistance(String name) {
        this.name = name;
    }

    /** Streams {@code [..., hidden]}. */
    void addStreams(Tensor teacher, Tensor student) {
        if (teacher.size(-1) == student.size(-1)) {
            streams.add(teacher.toFloatArray(), student.toFloatArray(), (int) teacher.size(-1));
        }
    }

    /** The norms' outputs {@code [..., hidden]}. */
    void addNorms(Tensor teacher, Tensor student) {
        if (teacher.size(-1) == student.size(-1)) {
            add(norms, List.of(teacher), List.of(student), false);
        }
    }

    /** The outputs of several projections, each {@code [tokens, features]}. */
    void addProjections(List<Tensor> teacher, List<Tensor> student) {
        for (int i = 0; i < teacher.size(); i++) {
            if (teacher.get(i).size(-1) != student.get(i).size(-1)) {
                return;
            }
        }
        add(projections, teacher, student, false);
    }

    /** Logits {@code [tokens, vocabulary]}. */
    void addLogits(Tensor teacher, Tensor student) {
        add(projections, List.of(teacher), List.of(student), true);
    }

    /** Moves the sums elsewhere: those of one sequence, so that sums over sequences have one order. */
    void take(RelativeDistance.Sums sums) {
        streams.take(sums);
        norms.take(sums);
        projections.take(sums);
    }

    /** Adds sums that {@link #take} has given. */
    void add(RelativeDistance.Sums sums) {
        streams.add(sums);
        norms.add(sums);
        projections.add(sums);
    }

    LayerDistances.Place place() {
        return new LayerDistances.Place(name, streams.value(), streams.scale(), norms.value(), projections.value());
    }

    private static void add(RelativeDistance distance, List<Tensor> teacher, List<Tensor> student, boolean centred) {
        int tokens = (int) (teacher.getFirst().elementCount() / teacher.getFirst().size(-1));
        var differences = new double[tokens];
        var sizes = new double[tokens];
        for (int i = 0; i < teacher.size(); i++) {
            float[] t = teacher.get(i).toFloatArray();
            float[] s = student.get(i).toFloatArray();
            int width = t.length / tokens;
            for (int token = 0; token < tokens; token++) {
                int from = token * width;
                double shift = centred ? RelativeDistance.mean(t, from, from + width) : 0;
                double shiftOfStudent = centred ? RelativeDistance.mean(s, from, from + width) : 0;
                double difference = 0;
                double size = 0;
                for (int k = from; k < from + width; k++) {
                    double value = t[k] - shift;
                    double apart = value - (s[k] - shiftOfStudent);
                    difference += apart * apart;
                    size += value * value;
                }
                differences[token] += difference;
                sizes[token] += size;
            }
        }
        for (int token = 0; token < tokens; token++) {
            distance.add(differences[token], sizes[token]);
        }
    }
}
