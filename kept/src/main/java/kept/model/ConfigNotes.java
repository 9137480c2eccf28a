package kept.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import kept.io.InputFiles;
import kept.io.JsonObject;

/**
 * Reports the settings of a config.json that are not copied to a derived checkpoint. Settings that would change the model's output are rejected by
 * {@link DecoderConfig#read}; the others are listed here by key.
 */
public final class ConfigNotes {
    private final JsonObject json;
    private final Architecture architecture;
    private final Family family;
    private final List<String> notes = new ArrayList<>();

    private ConfigNotes(JsonObject json) {
        this.json = json;
        architecture = DecoderConfigReader.architecture(json);
        family = architecture.family();
    }

    /**
     * Returns the notes on a config.json.
     *
     * @param directory a directory whose config.json {@link DecoderConfig#read} has accepted
     * @return one line for each; empty if everything is copied or has no effect
     */
    public static List<String> of(Path directory) {
        Path file = InputFiles.requireWithin("config", directory.resolve(DecoderConfig.FILE));
        var notes = new ConfigNotes(JsonObject.read("config", file));
        notes.addAll(directory);
        return notes.notes;
    }

    /**
     * The generation settings in a config.json, for a derived generation_config.json if the source has none.
     *
     * @param config the file's content
     * @return the settings by key, without nulls
     */
    static Map<String, Object> generation(JsonObject config) {
        var settings = new LinkedHashMap<>(config.toMap());
        settings.keySet().retainAll(ConfigKeys.GENERATION);
        settings.values().removeIf(Objects::isNull);
        return settings;
    }

    /**
     * The sliding window of a model that is read as one for texts up to its length, which the window does not restrict.
     *
     * @param directory a directory whose config.json {@link DecoderConfig#read} has accepted
     * @return the window in tokens, if it is shorter than the model's positions
     */
    public static OptionalInt window(Path directory) {
        var notes = new ConfigNotes(JsonObject.read("config", InputFiles.requireWithin("config", directory.resolve(DecoderConfig.FILE))));
        return notes.window();
    }

    private OptionalInt window() {
        boolean ends = family.endsAtWindow() && json.has("sliding_window")
            && json.integer("sliding_window") < DecoderConfigReader.positions(json, architecture);
        return ends ? OptionalInt.of(json.integer("sliding_window")) : OptionalInt.empty();
    }

    private void addAll(Path directory) {
        Map<String, Object> values = json.toMap();
        Set<String> unread = new TreeSet<>();
        boolean generationFile = InputFiles.find("generation", directory, DecoderConfig.GENERATION_FILE).isPresent();
        values.forEach((key, value) -> {
            if (value == null || ConfigKeys.isRead(key, family) || ConfigKeys.PROVENANCE.contains(key) || key.equals("auto_map")) {
                return;
            }
            if (ConfigKeys.HARMLESS.containsKey(key)) {
                if (ConfigKeys.HARMLESS.get(key).stream().noneMatch(value::equals)) {
                    notes.add("config.json: %s, which is %s, is not carried over; it does not change what the model computes"
                        .formatted(key, shown(value)));
                }
            } else if (ConfigKeys.GENERATION.contains(key)) {
                if (generationFile) {
                    notes.add("config.json: %s, a setting of generation, does not count beside generation_config.json and is not carried over"
                        .formatted(key));
                }
            } else {
                unread.add(key);
            }
        });
        if (!unread.isEmpty()) {
            notes.add("config.json: unknown keys, which %s does not read, are not carried over: %s".formatted(
                String.join(", ", json.strings("architectures")), String.join(", ", unread)));
        }
        code(values.get("auto_map"));
        values();
        rope();
        contradictions();
    }

    /** Reports settings that a config.json has twice with different values; as in transformers 5, one of them counts. */
    private void contradictions() {
        for (String former : ConfigKeys.FORMER_ROTARY_FACTORS) {
            overruled(former, "partial_rotary_factor", family.rotaryFactor().isPresent() && json.has(former) && json.has("partial_rotary_factor")
                && json.number(former) != json.number("partial_rotary_factor"));
        }
        overruled("torch_dtype", "dtype", json.has("torch_dtype") && json.has("dtype") && !named("torch_dtype").equals(named("dtype")));
        JsonObject old = json.has("rope_scaling") ? json.object("rope_scaling") : null;
        JsonObject rope = json.has("rope_parameters") ? json.object("rope_parameters") : null;
        boolean isOld = old != null && !old.keys().isEmpty();
        overruled("rope_parameters", "rope_scaling", isOld && rope != null && !old.toMap().equals(rope.toMap()));
        JsonObject counts = isOld ? old : rope;
        overruled("rope_theta", (isOld ? "rope_scaling" : "rope_parameters") + ".rope_theta", counts != null && counts.has("rope_theta")
                && json.has("rope_theta") && counts.number("rope_theta") != json.number("rope_theta", 0));
    }

    private String named(String key) {
        return json.string(key, "");
    }

    private void overruled(String key, String by, boolean isSo) {
        if (isSo) {
            notes.add("config.json: %s does not count beside %s, which differs".formatted(key, by));
        }
    }

    private void code(Object autoMap) {
        if (autoMap instanceof Map<?, ?> classes && !family.ownCode().containsAll(classes.values())) {
            notes.add("config.json: the checkpoint brings code of its own (%s), which is not run; it is read as a plain %s".formatted(
                classes.values().stream().map(Object::toString).sorted().findFirst().orElse(""), json.string("model_type", "model")));
        }
    }

    /** Reports values that are replaced by others. */
    private void values() {
        String type = json.string("dtype", json.string("torch_dtype", ""));
        if (type.endsWith("float64")) {
            notes.add("config.json: the type %s becomes float32".formatted(type));
        }
        if (json.has("max_position_embeddings") && json.has("max_sequence_length")
                && json.integer("max_position_embeddings") != json.integer("max_sequence_length")) {
            notes.add("config.json: max_sequence_length %d does not count beside max_position_embeddings %d".formatted(
                json.integer("max_sequence_length"), json.integer("max_position_embeddings")));
        }
        window().ifPresent(window -> {
            notes.add("config.json: the model attends to a window of %d tokens (sliding_window): it is read as one for texts of at most so many, "
                .formatted(window) + "which the window does not restrict, and max_position_embeddings is that");
            if (!json.flag("use_sliding_window", true)) {
                notes.add("config.json: use_sliding_window false does not count: transformers has no such key for this architecture");
            }
        });
        if (json.flag("tie_word_embeddings", false) && !DecoderConfig.read(json.file().toAbsolutePath().getParent()).tieWordEmbeddings()) {
            notes.add("config.json: tie_word_embeddings is true, but lm_head.weight differs from the embedding: it is read as a head of its own, "
                + "as transformers 5 does it (transformers 4 would take the embedding)");
        }
    }

    private void rope() {
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            if (json.has(key)) {
                JsonObject rope = json.object(key);
                Set<String> read = ConfigKeys.ROPE.getOrDefault(DecoderConfigReader.ropeType(rope), Set.of());
                rope.keys().stream().filter(name -> rope.has(name) && !read.contains(name) && !ConfigKeys.ROPE_COMMON.contains(name)).forEach(name ->
                    notes.add("config.json: %s.%s says nothing to a scaling of type %s and is not carried over".formatted(key, name,
                        DecoderConfigReader.ropeType(rope))));
            }
        }
    }

    private static String shown(Object value) {
        String text = value.toString();
        return text.length() <= 60 ? text : text.substring(0, 60) + "...";
    }
}
