package kept.run;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.SealedCard;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * The metadata of a model card: the YAML between its first two lines {@code ---}, as the Hugging Face Hub reads it. Cards are of any origin, so the
 * parser's events are read, not its tree, which it builds by recursion.
 */
final class CardMetadata {
    private static final long MAX_BYTES = 1 << 20;
    /** Longer texts are no names of anything. */
    private static final int MAX_TEXT = 500;
    private static final Pattern FRONT = Pattern.compile("\\A\\uFEFF?\\s*---[ \\t]*\\R(.*?)^---[ \\t]*$", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern NULL = Pattern.compile("|~|null|Null|NULL");

    private final Map<String, List<String>> metadata = new LinkedHashMap<>();
    /** How many collections are open, the outermost mapping included. */
    private int depth;
    /** The key whose value is next; null before a key. */
    private String key;
    /** Texts of the value that is read. */
    private List<String> texts = new ArrayList<>();
    private boolean isList;

    private CardMetadata() {}

    /**
     * Reads the metadata of a checkpoint's card.
     *
     * @param directory of the checkpoint
     * @param operation the prefix of error messages
     * @return the texts of each key that has one or a list of them, each on one line; empty if there is no card, or none that can be read
     */
    static Map<String, List<String>> of(Path directory, String operation) {
        Path file = directory.resolve(SealedCard.FILE);
        if (!Files.isRegularFile(file)) {
            return Map.of();
        }
        try {
            byte[] bytes = InputFiles.bytes(operation, InputFiles.requireWithin(operation, file), MAX_BYTES);
            Matcher front = FRONT.matcher(new String(bytes, StandardCharsets.UTF_8));
            var card = new CardMetadata();
            if (front.find()) {
                card.read(front.group(1));
            }
            return card.metadata;
        } catch (FileException | YamlEngineException e) {
            // Nothing depends on the card but what is said of the source.
            return Map.of();
        }
    }

    private void read(String yaml) {
        LoadSettings settings = LoadSettings.builder().build();
        var events = new ParserImpl(settings, new StreamReader(settings, yaml));
        while (events.hasNext()) {
            switch (events.next()) {
                case CollectionStartEvent start when depth == 0 && !(start instanceof MappingStartEvent) -> {
                    return;
                }
                case CollectionStartEvent start -> {
                    depth++;
                    isList = depth == 2 ? start instanceof SequenceStartEvent : isList;
                }
                case CollectionEndEvent _ -> {
                    depth--;
                    endNode();
                }
                case ScalarEvent scalar -> {
                    if (depth == 1 || depth == 2 && isList) {
                        add(scalar);
                    }
                    endNode();
                }
                case AliasEvent _ -> endNode();
                default -> { }
            }
        }
    }

    private void add(ScalarEvent scalar) {
        String text = scalar.getValue().strip().replaceAll("\\s+", " ");
        boolean isNull = scalar.isPlain() && NULL.matcher(text).matches();
        if (!isNull && !text.isEmpty() && text.length() <= MAX_TEXT) {
            texts.add(text);
        }
    }

    /** After a key or a value of the outermost mapping. */
    private void endNode() {
        if (depth != 1) {
            return;
        }
        if (key == null) {
            key = String.join(" ", texts);
        } else {
            if (!texts.isEmpty()) {
                metadata.put(key, List.copyOf(texts));
            }
            key = null;
        }
        texts = new ArrayList<>();
    }
}
