package kept.gguf;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import kept.checkpoint.Checkpoint;
import kept.generation.GenerationConfig;
import kept.generation.SamplingOptions;
import kept.io.FileException;
import kept.io.OutputFile;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.Shape;
import kept.text.Counts;
import kept.text.ShellWord;
import kept.tokenizer.TokenizerException;
import kept.tokenizer.Vocabulary;
import kept.tokenizer.Vocabulary.Kind;
import kept.tokenizer.Vocabulary.Token;

/**
 * Converts a Llama checkpoint to a GGUF file. Everything that does not require reading weights is validated at construction; {@link #write} then
 * streams the tensors, a few rows at a time.
 */
public final class GgufExport {
    private static final String OPERATION = "gguf";
    private static final double SAME = 1e-6;

    private final Checkpoint checkpoint;
    private final List<GgufTensor> tensors = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final float[] ropeDivisors;
    private final GgufLayout layout;

    private GgufExport(Checkpoint checkpoint, DecoderConfig config, Vocabulary tokenizer, String name, GgufType type) {
        this.checkpoint = checkpoint;
        this.ropeDivisors = switch (config.ropeScaling()) {
            case RopeScaling.Llama3 scaling -> RopeFrequencies.divisors(config.headDimension(), config.ropeTheta(), scaling);
            case RopeScaling.LongRope scaling -> RopeFrequencies.divisors(scaling);
            case RopeScaling.None _, RopeScaling.Linear _, RopeScaling.DynamicNtk _, RopeScaling.Yarn _ -> new float[0];
        };
        if (ropeDivisors.length > 0) {
            tensors.add(new GgufTensor(LlamaTensors.ROPE_FREQUENCIES, GgufType.F32, Shape.of(ropeDivisors.length), "", 0));
        }
        tensors.addAll(LlamaTensors.of(config, type));
        this.layout = new GgufLayout(LlamaMetadata.of(config, name, type, tokenizer), tensors);
        addNotes(config, tokenizer, type);
    }

    /**
     * Validates a checkpoint and plans its file.
     *
     * @param checkpoint the weights; must stay open while the file is written
     * @param config its configuration, a Llama
     * @param tokenizer the tokenizer of the checkpoint
     * @param name the model name in the file: {@code general.name}
     * @param type the element type of matrices
     * @return the plan
     * @throws FileException if it is not a Llama, uses rope scaling that llama.cpp does not support, or its tensors do not match
     *     the configuration
     * @throws TokenizerException if the tokenizer has pieces without an embedding
     */
    public static GgufExport of(Checkpoint checkpoint, DecoderConfig config, Vocabulary tokenizer, String name, GgufType type) {
        Path directory = checkpoint.directory();
        requireLlama(directory, config);
        requireScaling(directory, config.ropeScaling());
        CheckpointWeights.requireTensors(checkpoint, config);
        IntStream.range(config.vocabSize(), tokenizer.tokens().size()).filter(id -> isPiece(tokenizer.tokens().get(id).kind())).findAny()
                .ifPresent(id -> {
                    throw new TokenizerException("[gguf] the tokenizer of %s has pieces beyond the model's vocabulary (vocab_size %d), such as %d"
                            .formatted(directory, config.vocabSize(), id) + ": use the tokenizer that belongs to the checkpoint");
                });
        return new GgufExport(checkpoint, config, tokenizer, name, type);
    }

    /**
     * Rejects models that are not Llamas, and says what to do.
     *
     * @param directory the directory of the configuration
     * @param config the configuration
     * @throws FileException if it is another model, or its MLP has another activation than llama.cpp's graph of a Llama
     */
    public static void requireLlama(Path directory, DecoderConfig config) {
        if (config.architecture() != Architecture.LLAMA) {
            throw new FileException(OPERATION, directory,
                    ("its architecture is %s, and only a Llama can be exported: map it first, with kept distill, or kept convert --model %s "
                            + "--output DIR").formatted(config.architecture().className(), ShellWord.quoted(directory)));
        }
        if (config.activation() != Activation.SILU) {
            throw new FileException(OPERATION, directory, "its MLP has another activation than SiLU (hidden_act in config.json), which llama.cpp's "
                    + "graph of a Llama cannot have; transformers can, and vLLM with --model-impl transformers");
        }
    }

    private static void requireScaling(Path directory, RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Yarn yarn) {
            boolean usual = yarn.betaFast() == 32 && yarn.betaSlow() == 1 && yarn.truncate()
                    && Math.abs(yarn.attentionFactor() - RopeScaling.Yarn.attentionFactor(yarn.factor())) < SAME;
            if (!usual) {
                throw new FileException(OPERATION, directory, "scales positions by YaRN with settings of its own (beta_fast, beta_slow, "
                        + "attention_factor or truncate), which readers of GGUF files take in different ways; only the usual ones are written");
            }
        }
        if (scaling instanceof RopeScaling.LongRope rope && (!rope.shortFactors().equals(rope.longFactors()) || rope.attentionFactor() != 1)) {
            throw new FileException(OPERATION, directory, "scales positions by longrope with an attention_factor, or with other factors for long "
                    + "texts; only one set of factors is written");
        }
    }

    private static boolean isPiece(Kind kind) {
        return kind == Kind.NORMAL || kind == Kind.BYTE || kind == Kind.UNKNOWN;
    }

    private void addNotes(DecoderConfig config, Vocabulary tokenizer, GgufType type) {
        addModelNotes(config, type);
        addTokenizerNotes(config, tokenizer);
        addGenerationNotes(config, tokenizer);
    }

    private void addModelNotes(DecoderConfig config, GgufType type) {
        long otherwise = tensors.stream().filter(tensor -> tensor.shape().rank() > 1 && tensor.type() != type).count();
        if (otherwise > 0) {
            notes.add("%s not whole blocks of %d".formatted(
                Counts.of(otherwise, "matrix is stored as f16: its rows are", "matrices are stored as f16: their rows are"), type.blockElements()));
        }
        if (config.ropeScaling() instanceof RopeScaling.DynamicNtk) {
            notes.add("dynamic rope scaling is left out: the file holds up to its %d positions, not beyond".formatted(config.maxPositions()));
        }
        if (config.attentionBias() || config.mlpBias()) {
            notes.add("biases are written, which llama.cpp reads; another engine that reads GGUF files may pass over them");
        }
    }

    private void addTokenizerNotes(DecoderConfig config, Vocabulary tokenizer) {
        tokenizer.leftOut().forEach(what -> notes.add("the file cannot hold " + what));
        long dropped = tokenizer.tokens().stream().skip(config.vocabSize()).filter(token -> token.kind() != Kind.UNUSED).count();
        if (dropped > 0) {
            notes.add(Counts.of(dropped,
                "added token is left out: the model has no embedding for it", "added tokens are left out: the model has no embeddings for them"));
        }
        List<Token> distinct = tokenizer.distinct(config.vocabSize());
        long repeated = IntStream.range(0, config.vocabSize()).filter(id -> !distinct.get(id).equals(tokenizer.token(id))
                && tokenizer.token(id).kind() != Kind.UNUSED).count();
        if (repeated > 0) {
            notes.add(Counts.of(repeated, "token is left out: its text is that of another with a lower id",
                    "tokens are left out: their texts are those of others with lower ids"));
        }
        long userDefined = tokenizer.tokens().stream().filter(token -> token.kind() == Kind.USER_DEFINED).count();
        if (userDefined > 0 && tokenizer.byteLevel().isEmpty()) {
            notes.add(Counts.of(userDefined, "token is user-defined", "tokens are user-defined")
                    + ": llama.cpp puts a space before the text that follows one, so such texts get other ids there");
        }
        if (tokenizer.removesExtraSpaces() || tokenizer.normalizes()) {
            String rewritten = tokenizer.normalizes() ? "rewrites characters before it looks for pieces" : "makes runs of spaces one";
            notes.add("the tokenizer %s, which llama.cpp does not: some texts get other ids there".formatted(
                    tokenizer.byteLevel().isPresent() ? "composes characters (NFC), such as e and an accent to é" : rewritten));
        }
    }

    /** Warnings about generation settings: a file holds only one end token and no sampling settings. */
    private void addGenerationNotes(DecoderConfig config, Vocabulary tokenizer) {
        GenerationConfig generation = GenerationConfig.read(checkpoint.directory());
        Set<Integer> ends = new TreeSet<>(config.eosTokenIds());
        ends.addAll(generation.eosTokenIds());
        OptionalInt written = LlamaMetadata.eos(tokenizer, config);
        written.ifPresent(ends::remove);
        if (!ends.isEmpty()) {
            notes.add("the file holds one end token, %s; texts end at %s too in this checkpoint, and in llama.cpp only if it knows their names"
                    .formatted(written.isPresent() ? written.getAsInt() : "none", ends));
        }
        if (!generation.sampling().equals(SamplingOptions.GREEDY)) {
            notes.add("the sampling settings of %s are left out: give them to llama.cpp on its command line".formatted(GenerationConfig.FILE));
        }
    }

    /**
     * The size of the file.
     *
     * @return bytes
     */
    public long byteSize() {
        return layout.byteSize();
    }

    /**
     * The number of tensors in the file.
     *
     * @return their number
     */
    public int tensorCount() {
        return tensors.size();
    }

    /**
     * Returns warnings about the file.
     *
     * @return one line for each; usually empty
     */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /**
     * Writes the file; the caller commits it.
     *
     * @param file a file of {@link #byteSize()}
     * @param progress receives the number of tensor bytes written since its last call; calls do not overlap
     * @throws FileException if an element cannot be stored in the type, naming its tensor, or writing fails
     */
    public void write(OutputFile file, LongConsumer progress) {
        file.write(ByteBuffer.wrap(layout.header()), 0);
        for (int i = 0; i < tensors.size(); i++) {
            GgufTensor tensor = tensors.get(i);
            if (tensor.name().equals(LlamaTensors.ROPE_FREQUENCIES)) {
                var bytes = ByteBuffer.allocate(Math.toIntExact(tensor.byteSize())).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(ropeDivisors);
                file.write(bytes, layout.offset(i));
            } else {
                MemorySegment data = checkpoint.data(tensor.source());
                new TensorStream(tensor, checkpoint.entry(tensor.source()), data).write(file, layout.offset(i), bytes -> {
                    synchronized (progress) {
                        progress.accept(bytes);
                    }
                });
            }
            int padding = (int) (GgufLayout.aligned(tensor.byteSize()) - tensor.byteSize());
            file.write(ByteBuffer.allocate(padding), layout.offset(i) + tensor.byteSize());
        }
    }
}
