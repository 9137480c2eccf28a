package kept.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.OptionalInt;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.DecoderConfigBuilder;
import kept.model.OrionConfigs;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options for the architecture and the sizes of a source: a configuration, published or in a file, and what differs from it. */
public final class SourceSizes {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec program;

    @Option(names = "--architecture", paramLabel = "NAME", order = 4, converter = SourceName.class, completionCandidates = SourceName.class,
            description = "${COMPLETION-CANDIDATES} (default: orion, or that of --config).")
    private Architecture architecture;

    @Reads
    @Option(names = "--config", paramLabel = "NAME", order = 4,
            description = "orion-14b, orion-14b-longchat, or a config.json; the sizes below change it (default: a small model).")
    private String config;

    @Option(names = "--vocab-size", paramLabel = "N", order = 5, description = "Rows of the embedding (default: the tokenizer's).")
    private Integer vocabSize;

    @Option(names = "--hidden-size", paramLabel = "N", order = 5, description = "Width of the stream (default: 256).")
    private Integer hiddenSize;

    @Option(names = "--layers", paramLabel = "N", order = 6, description = "Transformer layers (default: 6).")
    private Integer layers;

    @Option(names = "--heads", paramLabel = "N", order = 7,
            description = "Attention heads (default: 4; where --config is given with another --hidden-size, heads as wide as there).")
    private Integer heads;

    @Option(names = "--intermediate-size", paramLabel = "N", order = 8, description = "Width of the MLP (default: 640).")
    private Integer intermediateSize;

    @Option(names = "--positions", paramLabel = "N", order = 9, description = "Longest sequence (default: 512).")
    private Integer positions;

    /** Whether something says how many rows the embedding has, where no tokenizer does. */
    public boolean tellVocabulary() {
        return config != null || vocabSize != null;
    }

    /**
     * The configuration asked for.
     *
     * @param tokenizer the source of vocabulary and special tokens if no configuration is named; may be null
     */
    public DecoderConfig resolve(Tokenizer tokenizer) {
        DecoderConfigBuilder builder = config == null ? small(tokenizer) : known();
        if (vocabSize != null) {
            builder.vocabSize(vocabSize);
        }
        if (layers != null) {
            builder.layers(layers);
        }
        if (intermediateSize != null) {
            builder.intermediateSize(intermediateSize);
        }
        if (positions != null) {
            builder.maxPositions(positions);
        }
        return builder.build();
    }

    private DecoderConfigBuilder small(Tokenizer tokenizer) {
        int width = hiddenSize != null ? hiddenSize : 256;
        int count = heads != null ? heads : 4;
        requireWholeHeads(width, count);
        int headDimension = width / Math.max(1, count);
        DecoderConfigBuilder builder = DecoderConfig.builder(chosen()).layers(6).intermediateSize(640).maxPositions(512).hiddenSize(width)
                .heads(count).keyValueHeads(count).headDimension(headDimension).rotaryDimension(chosen().usualRotaryDimension(headDimension));
        if (tokenizer != null) {
            builder.vocabSize(tokenizer.vocabularySize()).bosTokenId(tokenizer.bos()).eosTokenIds(tokenizer.eos().stream().boxed().toList());
        }
        return builder;
    }

    /** What --config names, with other heads where another width or number of them is asked for, and without tokens that the vocabulary lacks. */
    private DecoderConfigBuilder known() {
        DecoderConfig known = OrionConfigs.named(config).orElseGet(this::read);
        requireArchitecture(known);
        DecoderConfigBuilder builder = known.toBuilder();
        if (vocabSize != null) {
            builder.bosTokenId(within(known.bosTokenId())).padTokenId(within(known.padTokenId()))
                    .eosTokenIds(known.eosTokenIds().stream().filter(id -> id < vocabSize).toList());
        }
        if (hiddenSize == null && heads == null) {
            return builder;
        }
        int width = hiddenSize != null ? hiddenSize : known.hiddenSize();
        int count = heads != null ? heads : width % known.headDimension() == 0 ? width / known.headDimension() : known.heads();
        requireWholeHeads(width, count);
        int shared = known.keyValueHeads();
        int headDimension = width / Math.max(1, count);
        return builder.hiddenSize(width).heads(count).keyValueHeads(shared == known.heads() || count % shared != 0 ? count : shared)
                .headDimension(headDimension).rotaryDimension((int) ((long) headDimension * known.rotaryDimension() / known.headDimension()));
    }

    private OptionalInt within(OptionalInt id) {
        return id.isPresent() && id.getAsInt() < vocabSize ? id : OptionalInt.empty();
    }

    private Architecture chosen() {
        return architecture == null ? Architecture.ORION : architecture;
    }

    private void requireArchitecture(DecoderConfig known) {
        if (architecture != null && architecture != known.architecture()) {
            throw new ParameterException(program.commandLine(), "--config %s has the architecture %s, not --architecture %s".formatted(
                    config, known.architecture().modelType(), architecture.modelType()));
        }
    }

    /** Rotary positions turn pairs of numbers. */
    private void requireWholeHeads(int width, int count) {
        if ((hiddenSize != null || heads != null) && width % (2L * count) != 0) {
            throw new ParameterException(program.commandLine(), "--hidden-size %d must be a multiple of twice --heads %d".formatted(width, count));
        }
    }

    private DecoderConfig read() {
        if (!isFile(config)) {
            throw new ParameterException(program.commandLine(), "--config %s is neither a file nor one of %s".formatted(
                    config, String.join(", ", OrionConfigs.names())));
        }
        DecoderConfig read = DecoderConfig.read(Path.of(PathArgument.withHome(config)));
        if (!read.architecture().isSource()) {
            throw new ProgramException("[pretrain] %s has the architecture %s; mappings start from %s".formatted(config,
                    read.architecture().label(), Architecture.sources()));
        }
        return read;
    }

    private static boolean isFile(String text) {
        try {
            return Files.exists(Path.of(PathArgument.withHome(text)));
        } catch (InvalidPathException e) {
            return false;
        }
    }
}
