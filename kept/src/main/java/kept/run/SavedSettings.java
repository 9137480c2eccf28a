package kept.run;

import java.util.Map;
import java.util.OptionalInt;
import kept.backend.DistillationObjective;
import kept.model.DecoderConfig;
import kept.model.Lora;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;

/**
 * The settings of a run as they are saved: names and plain values, each part of a setting under a name of its own such as
 * {@code learning rate, peak}. The names are written out here, so that a saved run stays readable when a component of a record is renamed.
 */
final class SavedSettings {
    private final Map<String, String> settings;
    private final String name;

    private SavedSettings(Map<String, String> settings, String name) {
        this.settings = settings;
        this.name = name;
    }

    private SavedSettings part(String part, Object value) {
        settings.put(name + ", " + part, String.valueOf(value));
        return this;
    }

    /** Adds the sizes and constants of a model. */
    static void put(Map<String, String> settings, String name, DecoderConfig config) {
        var saved = new SavedSettings(settings, name)
                .part("architecture", config.architecture())
                .part("vocabSize", config.vocabSize())
                .part("hiddenSize", config.hiddenSize())
                .part("intermediateSize", config.intermediateSize())
                .part("layers", config.layers())
                .part("heads", config.heads())
                .part("keyValueHeads", config.keyValueHeads())
                .part("headDimension", config.headDimension())
                .part("maxPositions", config.maxPositions())
                .part("normEps", config.normEps())
                .part("ropeTheta", config.ropeTheta());
        put(settings, name + ", ropeScaling", config.ropeScaling());
        saved.part("attentionBias", config.attentionBias())
                .part("mlpBias", config.mlpBias())
                .part("tieWordEmbeddings", config.tieWordEmbeddings())
                .part("bosTokenId", id(config.bosTokenId()))
                .part("eosTokenIds", config.eosTokenIds())
                .part("padTokenId", id(config.padTokenId()))
                .part("dtype", config.dtype())
                .part("initializerRange", config.initializerRange());
        // Only where they are not what every model had before: runs that were saved then can be resumed.
        if (config.rotaryDimension() != config.headDimension()) {
            saved.part("rotaryDimension", config.rotaryDimension());
        }
        if (config.activation() != Activation.SILU) {
            saved.part("activation", config.activation());
        }
        if (config.attentionOutputBias() != config.attentionBias()) {
            saved.part("attentionOutputBias", config.attentionOutputBias());
        }
    }

    private static String id(OptionalInt id) {
        return id.isPresent() ? Integer.toString(id.getAsInt()) : "none";
    }

    private static void put(Map<String, String> settings, String name, RopeScaling scaling) {
        var saved = new SavedSettings(settings, name);
        switch (scaling) {
            case RopeScaling.None _ -> settings.put(name, "none");
            case RopeScaling.Linear linear -> {
                settings.put(name, "linear");
                saved.part("factor", linear.factor());
            }
            case RopeScaling.DynamicNtk ntk -> {
                settings.put(name, "dynamicntk");
                saved.part("factor", ntk.factor()).part("originalMaxPositions", ntk.originalMaxPositions());
            }
            case RopeScaling.Llama3 llama -> {
                settings.put(name, "llama3");
                saved.part("factor", llama.factor()).part("lowFrequencyFactor", llama.lowFrequencyFactor())
                        .part("highFrequencyFactor", llama.highFrequencyFactor()).part("originalMaxPositions", llama.originalMaxPositions());
            }
            case RopeScaling.Yarn yarn -> {
                settings.put(name, "yarn");
                saved.part("factor", yarn.factor()).part("originalMaxPositions", yarn.originalMaxPositions()).part("betaFast", yarn.betaFast())
                        .part("betaSlow", yarn.betaSlow()).part("attentionFactor", yarn.attentionFactor()).part("truncate", yarn.truncate());
            }
            case RopeScaling.LongRope rope -> {
                settings.put(name, "longrope");
                saved.part("shortFactors", rope.shortFactors()).part("longFactors", rope.longFactors())
                        .part("originalMaxPositions", rope.originalMaxPositions()).part("attentionFactor", rope.attentionFactor());
            }
        }
    }

    /** Adds a learning rate's schedule. */
    static void put(Map<String, String> settings, String name, LearningRateSchedule schedule) {
        var saved = new SavedSettings(settings, name);
        switch (schedule) {
            case LearningRateSchedule.Constant constant -> {
                settings.put(name, "constant");
                saved.part("peak", constant.peak()).part("warmUpSteps", constant.warmUpSteps());
            }
            case LearningRateSchedule.Cosine cosine -> {
                settings.put(name, "cosine");
                saved.part("peak", cosine.peak()).part("warmUpSteps", cosine.warmUpSteps()).part("totalSteps", cosine.totalSteps())
                        .part("floorRatio", cosine.floorRatio());
            }
        }
    }

    /** Adds the settings of the optimizer. */
    static void put(Map<String, String> settings, String name, AdamW.Settings adamW) {
        new SavedSettings(settings, name).part("beta1", adamW.beta1()).part("beta2", adamW.beta2()).part("epsilon", adamW.epsilon())
                .part("weightDecay", adamW.weightDecay());
    }

    /** Adds the adapters. */
    static void put(Map<String, String> settings, String name, Lora adapters) {
        new SavedSettings(settings, name).part("rank", adapters.rank()).part("alpha", adapters.alpha()).part("target", adapters.target());
    }

    /** Adds the objective. */
    static void put(Map<String, String> settings, String name, DistillationObjective objective) {
        new SavedSettings(settings, name).part("divergence", objective.divergence())
                .part("temperature", objective.temperature()).part("crossEntropyWeight", objective.crossEntropyWeight());
    }
}
