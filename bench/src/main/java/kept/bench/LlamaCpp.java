package kept.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The peer of decoding and prompts: llama.cpp on the CPU, with as many threads as this library. {@code bin/bench} downloads the build of
 * node-llama-cpp, which has kernels for several processors and chooses; without it {@link #open} fails.
 *
 * <p>Structures are laid out as in {@code llama.h} of that release. Others may differ, so a library with other default values is refused.
 */
final class LlamaCpp {
    /** System property with the directory of the libraries. */
    static final String PROPERTY = "kept.bench.llama.cpp";

    private static final Pattern LIBRARY = Pattern.compile("libllama[.](?:v([0-9.]+)[.])?(?:so|dylib)");
    /** The line of the log that names the kernels. */
    private static final Pattern LOADED = Pattern.compile("loaded CPU backend from .*libggml-cpu-?([^/]*)[.](?:so|dylib)");
    /** Longest line of the log that is read, in bytes. */
    private static final long LONGEST_LINE = 4096;

    private static final MemoryLayout INT = ValueLayout.JAVA_INT;
    private static final MemoryLayout POINTER = ValueLayout.ADDRESS;
    /** The layouts of {@code llama_model_params}, {@code llama_context_params} and {@code llama_batch}, of which few fields are set. */
    private static final MemoryLayout MODEL_SETTINGS = longs(10);

    private static final MemoryLayout CONTEXT_SETTINGS = longs(20);
    private static final MemoryLayout BATCH = longs(7);
    /** Offsets in {@code llama_context_params}: {@code n_ctx}, {@code n_batch}, {@code n_ubatch}, {@code n_threads}, {@code n_threads_batch}. */
    private static final int POSITIONS = 0;

    private static final int TOKENS_OF_CALL = 4;
    private static final int TOKENS_OF_PASS = 8;
    private static final int DECODING_THREADS = 28;
    private static final int PROMPT_THREADS = 32;

    private static LlamaCpp instance;

    private final NativeLibrary library;
    private String kernels = "an unknown processor";

    private LlamaCpp(NativeLibrary library) {
        this.library = library;
    }

    private static MemoryLayout longs(int count) {
        return MemoryLayout.structLayout(MemoryLayout.sequenceLayout(count, ValueLayout.JAVA_LONG));
    }

    /**
     * Loads llama.cpp at the first call.
     *
     * @throws IllegalStateException if it is not there or cannot be loaded; the message names the reason
     */
    static synchronized LlamaCpp open() {
        if (instance == null) {
            var loaded = new LlamaCpp(NativeLibrary.load(PROPERTY, LIBRARY));
            loaded.start();
            instance = loaded;
        }
        return instance;
    }

    private void start() {
        try (Arena arena = Arena.ofConfined()) {
            NativeLibrary.call(library.function("llama_log_set", FunctionDescriptor.ofVoid(POINTER, POINTER)), logger(), MemorySegment.NULL);
            NativeLibrary.call(library.function("ggml_backend_load_all_from_path", FunctionDescriptor.ofVoid(POINTER)),
                    arena.allocateFrom(library.file().getParent().toString()));
            NativeLibrary.call(library.function("llama_backend_init", FunctionDescriptor.ofVoid()));
            MemorySegment settings = defaults("llama_context_default_params", CONTEXT_SETTINGS, arena);
            if (settings.get(ValueLayout.JAVA_INT, POSITIONS) != 512 || settings.get(ValueLayout.JAVA_INT, TOKENS_OF_CALL) != 2048
                    || settings.get(ValueLayout.JAVA_INT, TOKENS_OF_PASS) != 512
                    || settings.get(ValueLayout.JAVA_INT, DECODING_THREADS) != settings.get(ValueLayout.JAVA_INT, PROMPT_THREADS)) {
                throw new IllegalStateException("%s is of a release with other settings than those that are known; delete it to download it again"
                        .formatted(library.file()));
            }
        }
    }

    /** Receives the log, which would go to standard error. */
    @SuppressWarnings("restricted")
    private MemorySegment logger() {
        try {
            MethodHandle log = MethodHandles.lookup().bind(this, "log",
                    MethodType.methodType(void.class, int.class, MemorySegment.class, MemorySegment.class));
            MemoryLayout text = MemoryLayout.sequenceLayout(LONGEST_LINE, ValueLayout.JAVA_BYTE);
            return Linker.nativeLinker().upcallStub(log, FunctionDescriptor.ofVoid(INT, ValueLayout.ADDRESS.withTargetLayout(text), POINTER),
                    Arena.global());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private void log(int level, MemorySegment text, MemorySegment context) {
        Matcher loaded = LOADED.matcher(text.getString(0));
        if (loaded.find()) {
            kernels = loaded.group(1);
        }
    }

    private MemorySegment defaults(String function, MemoryLayout layout, SegmentAllocator allocator) {
        return (MemorySegment) NativeLibrary.call(library.function(function, FunctionDescriptor.of(layout)), allocator);
    }

    /** Name, version, the processor that the chosen kernels were written for, and the number of threads. */
    String description() {
        Matcher name = LIBRARY.matcher(library.file().getFileName().toString());
        String version = name.matches() && name.group(1) != null ? name.group(1) : "of an unknown version";
        return "llama.cpp %s, kernels for %s, %d threads".formatted(version, kernels, Threads.count());
    }

    /**
     * Loads a model.
     *
     * @param file a GGUF file
     * @param positions positions of its key-value cache
     * @return the model, which the caller closes
     * @throws IllegalStateException if llama.cpp does not load it
     */
    Model load(Path file, int positions) {
        return new Model(library, file, positions);
    }

    /** A model with its key-value cache. */
    static final class Model implements AutoCloseable {
        private final NativeLibrary library;
        private final Arena arena = Arena.ofConfined();
        private final MemorySegment model;
        private final MemorySegment context;
        private final MethodHandle decode;
        private final MethodHandle clear;

        private Model(NativeLibrary library, Path file, int positions) {
            this.library = library;
            var settings = (MemorySegment) NativeLibrary.call(library.function("llama_model_default_params", FunctionDescriptor.of(MODEL_SETTINGS)),
                    (SegmentAllocator) arena);
            model = (MemorySegment) NativeLibrary.call(library.function("llama_model_load_from_file",
                    FunctionDescriptor.of(POINTER, POINTER, MODEL_SETTINGS)), arena.allocateFrom(file.toString()), settings);
            if (model.equals(MemorySegment.NULL)) {
                throw new IllegalStateException("llama.cpp does not load " + file);
            }
            settings = (MemorySegment) NativeLibrary.call(library.function("llama_context_default_params", FunctionDescriptor.of(CONTEXT_SETTINGS)),
                    (SegmentAllocator) arena);
            settings.set(ValueLayout.JAVA_INT, POSITIONS, positions);
            settings.set(ValueLayout.JAVA_INT, DECODING_THREADS, Threads.count());
            settings.set(ValueLayout.JAVA_INT, PROMPT_THREADS, Threads.count());
            context = (MemorySegment) NativeLibrary.call(library.function("llama_init_from_model",
                    FunctionDescriptor.of(POINTER, POINTER, CONTEXT_SETTINGS)), model, settings);
            if (context.equals(MemorySegment.NULL)) {
                throw new IllegalStateException("llama.cpp has no memory for %d positions of %s".formatted(positions, file));
            }
            decode = library.function("llama_decode", FunctionDescriptor.of(INT, POINTER, BATCH)).bindTo(context);
            var cache = (MemorySegment) NativeLibrary.call(library.function("llama_get_memory", FunctionDescriptor.of(POINTER, POINTER)), context);
            clear = MethodHandles.insertArguments(library.function("llama_memory_clear",
                    FunctionDescriptor.ofVoid(POINTER, ValueLayout.JAVA_BOOLEAN)), 0, cache, false);
        }

        /**
         * Prepares tokens that follow those in the cache.
         *
         * @param tokens their ids
         * @return runs the model on them and computes the logits of the last one
         */
        Runnable next(int... tokens) {
            MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_INT, tokens);
            var batch = (MemorySegment) NativeLibrary.call(library.function("llama_batch_get_one", FunctionDescriptor.of(BATCH, POINTER, INT)),
                    (SegmentAllocator) arena, ids, tokens.length);
            return () -> {
                try {
                    int status = (int) decode.invokeExact(batch);
                    if (status != 0) {
                        throw new IllegalStateException("llama_decode failed with status " + status);
                    }
                } catch (RuntimeException | Error e) {
                    throw e;
                } catch (Throwable e) {
                    throw new IllegalStateException(e);
                }
            };
        }

        /** Forgets all tokens. */
        void clear() {
            NativeLibrary.call(clear);
        }

        /** Logits of the last token. */
        @SuppressWarnings("restricted")
        float[] logits(int vocabulary) {
            var logits = (MemorySegment) NativeLibrary.call(library.function("llama_get_logits_ith", FunctionDescriptor.of(POINTER, POINTER, INT)),
                    context, -1);
            return logits.reinterpret((long) vocabulary * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT);
        }

        @Override
        public void close() {
            NativeLibrary.call(library.function("llama_free", FunctionDescriptor.ofVoid(POINTER)), context);
            NativeLibrary.call(library.function("llama_model_free", FunctionDescriptor.ofVoid(POINTER)), model);
            arena.close();
        }
    }
}
