package kept.tensor;

import java.lang.ref.Cleaner;
import java.util.Comparator;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * Reports scopes that were never closed, with the line that opened each. It is enabled by {@code -Dkept.scopes=check}, for debugging, because each
 * scope then walks the stack. A scope is reported when it is garbage-collected or when the program ends.
 */
final class ScopeCheck {
    private static final String PROPERTY = "kept.scopes";
    /** Null unless enabled. */
    private static final ScopeCheck OF_PROCESS = ofProcess(System.getProperty(PROPERTY));

    private final Consumer<String> report;
    private final Cleaner cleaner = Cleaner.create();
    private final Set<Opened> open = ConcurrentHashMap.newKeySet();
    private final AtomicLong count = new AtomicLong();

    ScopeCheck(Consumer<String> report) {
        this.report = report;
    }

    private static ScopeCheck ofProcess(String value) {
        if (value == null) {
            return null;
        }
        if (!value.equals("check")) {
            System.err.printf("[scope] -D%s=%s is not known; -D%s=check reports scopes that are never closed%n", PROPERTY, value, PROPERTY);
            return null;
        }
        var check = new ScopeCheck(System.err::println);
        Runtime.getRuntime().addShutdownHook(new Thread(check::reportOpen, "kept-scopes"));
        return check;
    }

    /**
     * Registers an opened scope.
     *
     * @param scope the scope
     * @return the record to notify of its tensors and its end; null if checks are off
     */
    static Opened opened(Scope scope) {
        return OF_PROCESS == null ? null : OF_PROCESS.open(scope);
    }

    Opened open(Scope scope) {
        var opened = new Opened(count.incrementAndGet(), place(), Thread.currentThread().getName(), scope.device().name());
        open.add(opened);
        cleaner.register(scope, () -> {
            if (open.remove(opened)) {
                report.accept("[scope] dropped without being closed, so that its memory is lost: " + opened);
            }
        });
        return opened;
    }

    /** Reports all open scopes, in the order of opening. */
    void reportOpen() {
        open.stream().sorted(Comparator.comparingLong(opened -> opened.number)).forEach(opened -> report.accept("[scope] never closed: " + opened));
    }

    /** The line that opened a scope: the first stack frame outside this package, and the first outside the library if it differs. */
    private static String place() {
        return StackWalker.getInstance().walk(frames -> {
            var callers = frames.dropWhile(frame -> isIn(frame, "kept.tensor.Scope")).toList();
            StackWalker.StackFrame first = callers.getFirst();
            return first.toStackTraceElement() + callers.stream().filter(frame -> !isIn(frame, "kept.")).findFirst().filter(frame -> frame != first)
                    .map(frame -> ", called from " + frame.toStackTraceElement()).orElse("");
        });
    }

    private static boolean isIn(StackWalker.StackFrame frame, String prefix) {
        return frame.getClassName().startsWith(prefix);
    }

    /** An open scope, without a strong reference to it. */
    final class Opened {
        private final long number;
        private final String place;
        private final String thread;
        private final String device;
        private final AtomicLong tensors = new AtomicLong();
        private final AtomicLong bytes = new AtomicLong();

        Opened(long number, String place, String thread, String device) {
            this.number = number;
            this.place = place;
            this.thread = thread;
            this.device = device;
        }

        /** Counts a tensor that the scope has acquired, or, with factor -1, released. */
        void count(int factor, Storage storage) {
            tensors.addAndGet(factor);
            bytes.addAndGet(factor * storage.byteSize());
        }

        /** Records that the scope was closed. */
        void closed() {
            open.remove(this);
        }

        /** As in {@code the scope opened at demo.Main.main(Main.java:12) by thread main, with 3 tensors of 12,288 bytes on cpu}. */
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "the scope opened at %s by thread %s, with %d tensor%s of %,d bytes on %s",
                    place, thread, tensors.get(), tensors.get() == 1 ? "" : "s", bytes.get(), device);
        }
    }
}
