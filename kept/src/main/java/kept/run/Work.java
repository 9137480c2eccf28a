package kept.run;

/** A task of a run, from its beginning to its end. */
record Work(Progress progress) implements AutoCloseable {
    static Work begin(Progress progress, String name, Progress.Unit unit, long total, long before) {
        progress.begin(new Progress.Task(name, unit, total, before));
        return new Work(progress);
    }

    /** The amount done so far. */
    void done(long amount) {
        progress.done(amount);
    }

    @Override
    public void close() {
        progress.end();
    }
}
