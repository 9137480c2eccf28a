package kept.training;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import kept.distributed.Communicator;
import kept.distributed.DividedTensor;
import kept.distributed.DividedTensors;
import kept.distributed.RankException;
import kept.distributed.UseOrder;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The ranks of a training run, and what lies divided over them. Rank 0 leads: it alone reads text, evaluates, saves and decides, and sends the others
 * orders, which a {@link TrainingFollower} obeys: to do the passes of a step, to update their parameters, or to send their parts of a tensor that
 * rank 0 needs. So rank 0 uses models whose parameters are divided like any others. {@link #close} ends the others' work.
 *
 * <p>Every rank makes one of these, and creates first the teacher, with the parameters of {@link #teacher}, and then the student with those of {@link
 * #student}.
 */
public final class TrainingRanks implements AutoCloseable {
    private static final int TEACHER = 0;
    private static final int STUDENT = 1;
    private static final int MOMENTS = 2;

    private final Communicator ranks;
    private final Sharding sharding;
    private final Device device;
    private final Map<Integer, DividedTensors> divided = new LinkedHashMap<>();
    private final UseOrder uses = new UseOrder();
    private DividedWeights student;
    private Set<String> sharedWithTeacher = Set.of();
    /** The trained parameters' parts while they are rounded. */
    private final Map<DividedTensor, Tensor> exact = new LinkedHashMap<>();
    private Scope exactScope;
    private IntConsumer tasks = number -> {
        throw new IllegalStateException("[training] there is no task " + number);
    };
    private BooleanSupplier stop = () -> false;
    /** Whether this rank, the first, has told the others that it failed. */
    private boolean hasFailed;

    /** What rank 0 tells the others to do. */
    enum Kind {
        /** The run has ended. */
        END,
        /** Take the whole state, after the given number of steps. */
        STATE,
        /** Do the passes of a step, whose token ids follow; the number of sequences before them. */
        PASSES,
        /** Update the parameters; the given step, at the learning rate of the given bits. */
        UPDATE,
        /** Drop the gradients. */
        DROP,
        /** Set the moments to zero, after the given number of steps. */
        CLEAR,
        /** Send the parts of a group. */
        READ,
        /** Take up parts of a tensor. */
        WRITE,
        /** Round the trained parameters to the given type. */
        ROUND,
        /** Set the trained parameters to what they were before. */
        RESTORE,
        /** Join the task of the given number. */
        JOIN
    }

    /**
     * An order.
     *
     * @param kind what to do
     * @param numbers its arguments
     */
    record Order(Kind kind, long... numbers) {
        private static final int NUMBERS = 3;

        int number(int i) {
            return Math.toIntExact(numbers[i]);
        }
    }

    /**
     * The ranks of a run.
     *
     * @param ranks this rank and the others, which the caller closes
     * @param sharding what lies divided over them; nothing does in one rank
     * @param device where the models live
     */
    public TrainingRanks(Communicator ranks, Sharding sharding, Device device) {
        this.ranks = ranks;
        this.sharding = ranks.size() == 1 ? Sharding.NONE : sharding;
        this.device = device;
    }

    /**
     * Tells all ranks what rank 0 has chosen.
     *
     * @param ranks this rank and the others, which call this too
     * @param chosen what lies divided; ignored, and may be null, in other ranks than 0
     * @return rank 0's choice
     */
    public static Sharding agree(Communicator ranks, Sharding chosen) {
        if (ranks.size() == 1) {
            return chosen;
        }
        try (var _ = Scope.open(Device.cpu())) {
            Tensor number = Tensor.of(new long[] {ranks.rank() == 0 ? chosen.ordinal() : -1});
            ranks.broadcast(number, 0);
            return Sharding.values()[Math.toIntExact(number.toLongArray()[0])];
        }
    }

    /**
     * The teacher's parameters.
     *
     * @param weights their values, which every rank has
     * @return what to create the teacher with
     */
    public Weights teacher(Weights weights) {
        if (sharding != Sharding.ALL) {
            return weights;
        }
        DividedTensors tensors = divide(TEACHER, 1);
        tensors.expect(uses);
        return new DividedWeights(tensors, weights, false);
    }

    /**
     * The student's parameters.
     *
     * @param weights their values in rank 0; in the others of the same types only
     * @param shared the teacher's tensors that are the student's own parameters too, by the student's names
     * @return what to create the student with
     */
    public Weights student(Weights weights, Map<String, Tensor> shared) {
        sharedWithTeacher = Set.copyOf(shared.keySet());
        Weights own = ownStudent(weights);
        return (name, shape) -> shared.containsKey(name) ? shared.get(name).detach() : own.get(name, shape);
    }

    /** Whether a parameter of the student is the teacher's, which every rank has. */
    boolean isShared(String name) {
        return sharedWithTeacher.contains(name);
    }

    private Weights ownStudent(Weights weights) {
        if (sharding == Sharding.NONE) {
            return weights;
        }
        DividedTensors tensors = divide(STUDENT, sharding == Sharding.ALL ? 1 : 0);
        tensors.expect(uses);
        student = new DividedWeights(tensors, weights, ranks.rank() == 0);
        return student;
    }

    private DividedTensors divide(int model, int most) {
        var tensors = new DividedTensors(ranks, device, most);
        divided.put(model, tensors);
        setAlone(model, tensors);
        return tensors;
    }

    private void setAlone(int model, DividedTensors tensors) {
        tensors.setAlone(ranks.rank() > 0 ? null : new DividedTensors.Orders() {
            @Override
            public void send(boolean isWrite, int group, int tensor) {
                order(isWrite ? Kind.WRITE : Kind.READ, model, group, tensor);
            }

            @Override
            public void fail(Throwable error) {
                TrainingRanks.this.fail(error);
            }
        });
    }

    /** This rank and the others. */
    Communicator communicator() {
        return ranks;
    }

    /** The student's parameters if they, or their gradients and moments, are divided; else null. */
    DividedWeights dividedStudent() {
        return student;
    }

    /**
     * Divides the moments of parameters, which each rank has a part of already.
     *
     * @return their tensors, to which they are to be added
     */
    DividedTensors divideMoments() {
        return divide(MOMENTS, 1);
    }

    /** Begins work that all ranks do. */
    void together() {
        divided.values().forEach(DividedTensors::setTogether);
    }

    /** Begins a forward and backward pass, which uses the models' layers in the order of the pass before. */
    void beginPass() {
        uses.begin();
    }

    /** Ends work that all ranks do. */
    void alone() {
        divided.forEach(this::setAlone);
    }

    /** Sends an order to all other ranks; called in rank 0. */
    void order(Kind kind, long... numbers) {
        if (ranks.size() == 1) {
            return;
        }
        try (var _ = Scope.open(Device.cpu())) {
            long[] words = new long[1 + Order.NUMBERS];
            words[0] = kind.ordinal();
            System.arraycopy(numbers, 0, words, 1, numbers.length);
            ranks.broadcast(Tensor.of(words), 0);
        }
    }

    /** Waits for rank 0's next order; called in the others. */
    Order receive() {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor words = Tensor.of(new long[1 + Order.NUMBERS]);
            ranks.broadcast(words, 0);
            long[] values = words.toLongArray();
            long[] numbers = new long[Order.NUMBERS];
            System.arraycopy(values, 1, numbers, 0, numbers.length);
            return new Order(Kind.values()[Math.toIntExact(values[0])], numbers);
        }
    }

    /** Does what rank 0 needs while it works alone; called in the others. */
    void serve(Order order, Decoder model) {
        switch (order.kind()) {
            case READ, WRITE -> divided.get(order.number(0)).serve(order.kind() == Kind.WRITE, order.number(1), order.number(2), 0);
            case ROUND -> round(model, DType.values()[order.number(0)]);
            case RESTORE -> restore();
            case JOIN -> tasks.accept(order.number(0));
            default -> throw new IllegalStateException("[training] rank 0 ordered " + order.kind());
        }
    }

    /**
     * Lets the other ranks join a task, another part of the run in which ranks speak to each other; called in rank 0.
     *
     * @param number which task
     */
    public void join(int number) {
        order(Kind.JOIN, number);
    }

    /**
     * Sets what a rank other than 0 does when rank 0 lets it {@linkplain #join join} a task.
     *
     * @param task its part of the task of a number
     */
    public void onJoin(IntConsumer task) {
        tasks = task;
    }

    /**
     * Sets how a rank other than 0 is asked to stop. Rank 0 hears of it with the next step.
     *
     * @param wanted whether this rank is to stop; called in each step
     */
    public void onStop(BooleanSupplier wanted) {
        stop = wanted;
    }

    /** Whether this rank is asked to stop. */
    boolean isStopWanted() {
        return stop.getAsBoolean();
    }

    /** Tells the others that this rank, the first, has failed. */
    void fail(Throwable error) {
        hasFailed = true;
        ranks.fail(String.valueOf(error.getMessage()));
    }

    /**
     * Rounds the trained parameters, which are divided, while rank 0 looks at the model.
     *
     * @param model the student
     * @param stored the type to round to
     * @param look must not train
     */
    <T> T roundedDuring(Decoder model, DType stored, Supplier<T> look) {
        // What this rank has written has to be in the parts before they are rounded.
        setAlone(STUDENT, student.tensors());
        order(Kind.ROUND, stored.ordinal());
        round(model, stored);
        T found;
        try {
            found = look.get();
        } catch (RuntimeException | Error e) {
            if (!hasFailed) {
                order(Kind.RESTORE);
                restore();
            }
            throw e;
        }
        order(Kind.RESTORE);
        restore();
        return found;
    }

    private void round(Decoder model, DType stored) {
        exactScope = Scope.detached(device);
        SequencedMap<String, Parameter> parameters = model.parameters();
        student.tensors().update(() -> student.parameters().forEach((name, tensor) -> {
            if (parameters.get(name).isTrainable() && !AdapterName.isOne(name) && StoredRounding.isRounded(tensor.part().dtype(), stored)) {
                exact.put(tensor, exactScope.run(() -> Tensor.empty(tensor.part().dtype(), tensor.part().shape())).assign(tensor.part()));
                StoredRounding.round(tensor.part(), stored);
            }
        }));
    }

    private void restore() {
        student.tensors().update(() -> exact.forEach((tensor, value) -> tensor.part().assign(value)));
        exact.clear();
        exactScope.close();
    }

    /** Ends the work of the other ranks, unless a failure has, and frees what is divided; the models are closed before. */
    @Override
    public void close() {
        try {
            if (ranks.rank() == 0 && !hasFailed) {
                order(Kind.END);
            }
        } catch (RankException e) {
            // Another rank has failed. Whoever needed it has been told; here nothing is left to do with it.
            hasFailed = true;
        } finally {
            divided.values().forEach(DividedTensors::close);
        }
    }
}
