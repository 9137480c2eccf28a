package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import kept.io.AtomicFiles;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.model.HostCopy;
import kept.model.Lora;
import kept.nn.Parameter;
import kept.safetensors.SafetensorsWriter;
import kept.text.Reasons;
import kept.weights.TensorSpec;

/**
 * Writes the adapters of a model as PEFT (Hugging Face) does, which loads them over their base: {@code adapter_config.json} with the settings, and
 * {@code adapter_model.safetensors} with the factors, whose names have the prefix {@code base_model.model.}.
 */
final class AdapterFiles {
    /** The folder in the directory of the base. */
    static final String FOLDER = "adapter";
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";

    private AdapterFiles() {}

    /** Whether a directory is the base of an adapter that lies in it. */
    static boolean areIn(Path base) {
        return Files.exists(base.resolve(FOLDER).resolve(CONFIG));
    }

    /**
     * Writes the files.
     *
     * @param model the model with its adapters
     * @param lora which it has
     * @param base the directory where the base will be found
     * @param directory the directory of the base now, where the folder is made
     */
    static void write(Decoder model, Lora lora, Path base, Path directory) {
        Path folder = directory.resolve(FOLDER);
        SequencedMap<String, Parameter> factors = new LinkedHashMap<>(model.parameters());
        factors.keySet().removeIf(name -> !AdapterName.isOne(name));
        List<TensorSpec> specs = new ArrayList<>();
        factors.forEach((name, factor) -> specs.add(new TensorSpec(PREFIX + name, factor.value().dtype(), factor.value().shape())));
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new RunException("[output] %s cannot be made: %s".formatted(folder, Reasons.of(e)), e);
        }
        AtomicFiles.writeJson(folder.resolve(CONFIG), config(model, lora, base));
        try (var writer = SafetensorsWriter.create(folder.resolve(WEIGHTS), specs)) {
            factors.forEach((name, factor) ->
                    HostCopy.with(factor.value(), factor.value().dtype(), bytes -> writer.write(PREFIX + name, bytes)));
            writer.finish();
        }
    }

    private static Map<String, Object> config(Decoder model, Lora lora, Path base) {
        var config = new LinkedHashMap<String, Object>();
        config.put("peft_type", "LORA");
        config.put("task_type", "CAUSAL_LM");
        config.put("base_model_name_or_path", base.toAbsolutePath().normalize().toString());
        config.put("r", lora.rank());
        boolean isWhole = lora.alpha() == Math.rint(lora.alpha()) && lora.alpha() <= Integer.MAX_VALUE;
        config.put("lora_alpha", isWhole ? (Object) (int) lora.alpha() : (Object) lora.alpha());
        config.put("lora_dropout", 0.0);
        config.put("target_modules", targets(model, lora));
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        config.put("init_lora_weights", true);
        config.put("use_rslora", false);
        config.put("inference_mode", true);
        return config;
    }

    /** The short names of modules that are adapted in every layer, or else the whole names of all that are adapted. */
    private static List<String> targets(Decoder model, Lora lora) {
        List<String> modules = lora.adapted(model.config()).stream().map(matrix -> matrix.id().module()).toList();
        var layersOf = new TreeMap<String, Integer>();
        modules.forEach(module -> layersOf.merge(module.substring(module.lastIndexOf('.') + 1), 1, Integer::sum));
        boolean isEverywhere = layersOf.values().stream().allMatch(layers -> layers == model.config().layers());
        return new ArrayList<>(isEverywhere ? layersOf.keySet() : new TreeSet<>(modules));
    }
}
