package kept;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.ProgramException;
import kept.cli.Reads;
import kept.cli.Writes;
import kept.model.Decoder;
import kept.model.Span;
import kept.run.LoadedModel;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept logits}: the logits of given token ids, for comparing with other implementations. */
@Command(name = "logits", description = {
    "Computes the logits of given token ids, for comparing with other implementations.",
    "In: input_ids, i64 [B, T]. Out: input_ids and logits, f32 [B, T, V], or with --last [B, N, V]."
})
public final class Logits extends Program {
    private static final String IDS = "input_ids";
    private static final String LOGITS = "logits";

    @Reads
    @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "A Llama, or a checkpoint that convert maps to one.")
    private Path model;

    @Reads
    @Option(names = "--ids", paramLabel = "FILE", required = true, description = "A safetensors file with input_ids.")
    private Path ids;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--output", paramLabel = "FILE", required = true, description = "The safetensors file to write.")
    private Path output;

    @Option(names = "--last", paramLabel = "N", description = "Only the logits of the last N positions of each sequence (default: all).")
    private Long last;

    @Mixin
    private DeviceOptions device;

    /** For the command line. */
    public Logits() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Logits(), arguments));
    }

    @Override
    protected int run() {
        Device target = device.open();
        try (var file = SafetensorsFile.open(ids);
                Decoder decoder = LoadedModel.load(model, null, target, progress())) {
            TensorEntry entry = file.entry(IDS);
            if (entry.dtype() != DType.I64 || entry.shape().rank() != 2) {
                throw new ProgramException("[logits] %s: input_ids must be i64 [B, T], not %s %s"
                        .formatted(ids, entry.dtype().label(), entry.shape()));
            }
            report(target);
            write(decoder, file.data(IDS), entry.shape());
        }
        out().println(output);
        return 0;
    }

    private void write(Decoder decoder, MemorySegment data, Shape shape) {
        long length = shape.size(1);
        long first = last == null ? 0 : Math.max(0, length - last);
        long rowBytes = length * Long.BYTES;
        int vocabulary = decoder.config().vocabSize();
        List<TensorSpec> tensors = List.of(
                new TensorSpec(IDS, DType.I64, shape), new TensorSpec(LOGITS, DType.F32, Shape.of(shape.size(0), length - first, vocabulary)));
        try (var writer = SafetensorsWriter.create(output, tensors)) {
            writer.write(IDS, data);
            for (long row = 0; row < shape.size(0); row++) {
                MemorySegment source = data.asSlice(row * rowBytes, rowBytes);
                Autograd.withoutRecording(() -> {
                    try (var _ = Scope.open(decoder.device())) {
                        Tensor hidden = decoder.hidden(Tensor.from(source, DType.I64, Shape.of(1, length)));
                        write(new FactoredLogits(hidden.squeeze(0).slice(0, first, length), decoder.headWeight()), writer);
                    }
                    return null;
                });
            }
            writer.finish();
        }
    }

    /** In chunks of rows, so that memory holds the logits of one. */
    private static void write(FactoredLogits logits, SafetensorsWriter writer) {
        for (Span rows : Span.divide(0, logits.rowCount(), logits.defaultChunkRows())) {
            try (var _ = Scope.open(logits.hidden().device()); var arena = Arena.ofConfined()) {
                MemorySegment chunk = arena.allocate((rows.to() - rows.from()) * logits.vocabulary() * Float.BYTES);
                logits.hidden().slice(0, rows.from(), rows.to()).linear(logits.head()).download(chunk);
                writer.append(LOGITS, chunk);
            }
        }
    }
}
