package kept;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import kept.autograd.Autograd;
import kept.checkpoint.SafetensorsFile;
import kept.checkpoint.SafetensorsWriter;
import kept.checkpoint.TensorEntry;
import kept.checkpoint.TensorSpec;
import kept.model.Decoder;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept logits}: the logits of given token ids, for comparing with other implementations. */
@Command(name = "logits", description = {
    "Computes the logits of given token ids, for comparing with other implementations.",
    "In: input_ids, i64 [B, T]. Out: input_ids and logits, f32 [B, T, V]."
})
public final class Logits extends Program {
    private static final String IDS = "input_ids";

    @Option(names = "--model", paramLabel = "DIR", required = true, description = "An Orion or Llama checkpoint.")
    private Path model;

    @Option(names = "--ids", paramLabel = "FILE", required = true, description = "A safetensors file with input_ids.")
    private Path ids;

    @Option(names = "--output", paramLabel = "FILE", required = true, description = "The safetensors file to write.")
    private Path output;

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
    int run() {
        Device target = device.open();
        try (var file = SafetensorsFile.open(ids);
                Decoder decoder = LoadedModel.load(model, null, target)) {
            TensorEntry entry = file.entry(IDS);
            if (entry.dtype() != DType.I64 || entry.shape().rank() != 2) {
                throw new ProgramException("[logits] %s: input_ids must be i64 [B, T], not %s %s"
                        .formatted(ids, entry.dtype().label(), entry.shape()));
            }
            tell(target);
            write(decoder, file.data(IDS), entry.shape());
        }
        out().println(output);
        return 0;
    }

    /** Sequence by sequence, so that the device holds the logits of one. */
    private void write(Decoder decoder, MemorySegment data, Shape shape) {
        long length = shape.size(1);
        long rowBytes = length * Long.BYTES;
        int vocabulary = decoder.config().vocabSize();
        List<TensorSpec> tensors = List.of(
                new TensorSpec(IDS, DType.I64, shape), new TensorSpec("logits", DType.F32, Shape.of(shape.size(0), length, vocabulary)));
        try (var writer = SafetensorsWriter.create(output, tensors);
                var arena = Arena.ofConfined()) {
            writer.write(IDS, data);
            MemorySegment logits = arena.allocate(shape.elementCount() * vocabulary * Float.BYTES);
            for (long row = 0; row < shape.size(0); row++) {
                MemorySegment target = logits.asSlice(row * length * vocabulary * Float.BYTES, length * vocabulary * Float.BYTES);
                MemorySegment source = data.asSlice(row * rowBytes, rowBytes);
                Autograd.withoutRecording(() -> {
                    try (var _ = Scope.open(decoder.device())) {
                        decoder.logits(Tensor.from(source, DType.I64, Shape.of(1, length))).download(target);
                    }
                    return null;
                });
            }
            writer.write("logits", logits);
            writer.finish();
        }
    }
}
