package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import kept.io.HubCache;
import kept.io.SealedCard;
import kept.mapping.GivenStudent;
import kept.mapping.Mapping;
import kept.mapping.TargetDescription;
import kept.model.Architecture;
import kept.model.ConfigNotes;
import kept.text.Json;
import kept.training.TrainingState;

/**
 * The model card of an output: README.md with the metadata that the Hugging Face Hub reads (YAML between two lines {@code ---}), what the model was
 * made of and how, and the licence of the source, whose files are carried over.
 */
final class ModelCard {
    private final String title;
    private final String summary;
    private final List<String> tags;
    private final SequencedMap<String, String> facts = new LinkedHashMap<>();
    private final List<String> sections = new ArrayList<>();
    private Path source;
    private String library;

    /**
     * A card of a model that is made of nothing.
     *
     * @param title its heading
     * @param summary a paragraph
     * @param tags for the Hub's search
     */
    ModelCard(String title, String summary, String... tags) {
        this.title = title;
        this.summary = summary;
        this.tags = List.of(tags);
    }

    /**
     * The card of a Llama that a mapping makes of a source.
     *
     * @param source the source's directory
     * @param name how the card calls it
     * @param table the mapping
     * @param made how it was made, as the end of a sentence
     */
    static ModelCard ofLlama(Path source, String name, Mapping table, String made) {
        Architecture architecture = table.source().architecture();
        var card = new ModelCard(name + " as a Llama", ("A standard Llama (`LlamaForCausalLM`) that KEPT (Efficient Knowledge Preservation for "
                + "Transformation, arXiv 2605.25676) made from the %s %s %s. It loads in transformers with `trust_remote_code=False`.")
                .formatted(architecture.label(), code(name), made), "llama", architecture.modelType(), "kept", table.name());
        card.source = source;
        card.library = "transformers";
        card.fact("mapping", table.name());
        card.fact("source", name);
        List<String> form = new ArrayList<>(List.of("It is %s.".formatted(TargetDescription.of(table)),
                "Engines: %s.".formatted(TargetDescription.engines(table.target()))));
        if (!table.name().equals(GivenStudent.NAME)) {
            ConfigNotes.window(source).ifPresent(window -> form.add(("Texts are at most %,d tokens long, the sliding window of the source: a Llama "
                    + "has none, and would compute something else for longer ones.").formatted(window)));
        }
        return card.section("Form", form.toArray(String[]::new));
    }

    /** The name of a source: its own on the Hub if it lies in the cache, else that of its directory. */
    static String nameOf(Path source) {
        return HubCache.nameOf(source).orElseGet(() -> {
            Path name = source.toAbsolutePath().normalize().getFileName();
            return name == null ? "source" : name.toString();
        });
    }

    /** Adds a row to the table of facts; an empty value adds none. */
    ModelCard fact(String name, String value) {
        if (!value.isEmpty()) {
            facts.put(name, value);
        }
        return this;
    }

    /** Adds how the training was resumed in another way than its command says. */
    ModelCard resumed(List<String> resumptions) {
        return fact(TrainingState.RESUMPTIONS, String.join("; ", resumptions));
    }

    /** Adds a section. */
    ModelCard section(String heading, String... lines) {
        sections.add("## %s\n%s\n".formatted(heading, String.join("\n", lines)));
        return this;
    }

    /**
     * Writes the card and the licence files.
     *
     * @param directory an existing directory
     * @param progress receives notes
     */
    void write(Path directory, Progress progress) {
        SourceLicence licence = source == null ? null : SourceLicence.of(source);
        var text = new StringBuilder("---\n");
        if (library != null) {
            text.append("library_name: %s\npipeline_tag: text-generation\n".formatted(library));
        }
        if (licence != null) {
            licence.notes().forEach(note -> progress.note("note: " + note));
            licence.metadata().forEach((key, value) -> text.append("%s: %s\n".formatted(key,
                    Json.write(value.size() == 1 ? value.getFirst() : value))));
            base().ifPresent(base -> text.append("base_model:\n- %s\n".formatted(Json.write(base))));
        }
        text.append(tags.stream().map("- %s\n"::formatted).collect(Collectors.joining("", "tags:\n", "---\n\n")));
        text.append("# %s\n%s\n\n| | |\n|---|---|\n".formatted(escaped(title), summary));
        fact("written by", SoftwareVersion.text());
        facts.forEach((name, value) -> text.append("| %s | %s |\n".formatted(name, code(value).replace("|", "\\|"))));
        sections.forEach(section -> text.append('\n').append(section));
        if (licence != null) {
            text.append("\n## Licence\n").append(licence.inWords()).append("\n\n");
        }
        SealedCard.write(directory, text.toString(), licence == null ? new LinkedHashMap<>() : licence.files());
    }

    private Optional<String> base() {
        return HubCache.nameOf(source);
    }

    /** A text of any origin, as code on one line. */
    private static String code(String text) {
        return "`" + text.replace('`', '\'').replaceAll("\\s+", " ") + "`";
    }

    /** A text of any origin, on one line that Markdown shows as it is. */
    static String escaped(String text) {
        return text.replaceAll("\\s+", " ").replaceAll("[\\\\`*_<>\\[\\]#|]", "\\\\$0");
    }
}
