package kept.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.DecoderConfigBuilder;
import kept.model.OrionConfigs;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options for an Orion's sizes: a configuration, published or in a file, and what differs from it. */
public final class OrionSizes {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec program;

    @Reads
    @Option(names = "--config", paramLabel = "NAME", order = 4,
            description = "orion-14b, orion-14b-longchat, or an Orion's config.json; the sizes below change it (default: a small Orion).")
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
        DecoderConfigBuilder builder;
        int width = 256;
        int count = 4;
        if (config == null) {
            builder = DecoderConfig.builder(Architecture.ORION).layers(6).intermediateSize(640).maxPositions(512);
            if (tokenizer != null) {
                builder.vocabSize(tokenizer.vocabularySize()).bosTokenId(tokenizer.bos()).eosTokenIds(tokenizer.eos().stream().boxed().toList());
            }
        } else {
            DecoderConfig known = OrionConfigs.named(config).orElseGet(this::read);
            builder = known.toBuilder();
            width = known.hiddenSize();
            count = hiddenSize != null && hiddenSize % known.headDimension() == 0 ? hiddenSize / known.headDimension() : known.heads();
        }
        width = hiddenSize != null ? hiddenSize : width;
        count = heads != null ? heads : count;
        requireWholeHeads(width, count);
        builder.hiddenSize(width).heads(count).keyValueHeads(count).headDimension(width / Math.max(1, count));
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
        DecoderConfig read = DecoderConfig.read(Path.of(config));
        if (read.architecture() != Architecture.ORION) {
            throw new ProgramException("[pretrain] %s is not an Orion's".formatted(config));
        }
        return read;
    }

    private static boolean isFile(String text) {
        try {
            return Files.exists(Path.of(text));
        } catch (InvalidPathException e) {
            return false;
        }
    }
}
