package kept.run;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.SealedCard;
import kept.text.Reasons;

/**
 * The licence of a source checkpoint: what the metadata of its model card say of it, and its licence files. An output is under the same licence.
 *
 * @param metadata the keys {@code license}, {@code license_name} and {@code license_link}, as far as they are known
 * @param files the contents of the licence files by name
 * @param notes what could not be carried over
 */
record SourceLicence(SequencedMap<String, String> metadata, SequencedMap<String, byte[]> files, List<String> notes) {
    private static final String OPERATION = "licence";
    private static final String LICENSE = "license";
    private static final String NAME = "license_name";
    private static final String LINK = "license_link";
    private static final String OTHER = "other";
    private static final long MAX_BYTES = 1 << 20;
    private static final int MAX_FILES = 20;
    private static final String FENCE = "---";
    /** A key of the outermost mapping with a plain or quoted scalar on its line; keys of licences have no other values on the Hub. */
    private static final Pattern SCALAR = Pattern.compile("(license|license_name|license_link): *[\"']?([A-Za-z0-9][\\w .:/+-]*?)[\"']? *(?:#.*)?");

    /** The licence of a source; nothing is known of one that has neither a card nor licence files. */
    static SourceLicence of(Path source) {
        SequencedMap<String, byte[]> files = new LinkedHashMap<>();
        List<String> notes = new ArrayList<>();
        for (String name : names(source)) {
            try {
                InputFiles.requireWithin(OPERATION, source.resolve(name));
                files.put(name, InputFiles.bytes(OPERATION, source.resolve(name), MAX_BYTES));
            } catch (FileException e) {
                notes.add("%s of the source is not carried over: %s".formatted(name, e.getMessage()));
            }
        }
        return new SourceLicence(metadata(source, files), files, List.copyOf(notes));
    }

    private static List<String> names(Path source) {
        try (Stream<Path> entries = Files.list(source)) {
            return entries.map(entry -> entry.getFileName().toString()).filter(SealedCard::isLicence).sorted().limit(MAX_FILES).toList();
        } catch (IOException e) {
            throw new RunException("[licence] %s cannot be read: %s".formatted(source, Reasons.of(e)), e);
        }
    }

    private static SequencedMap<String, String> metadata(Path source, Map<String, byte[]> files) {
        Map<String, String> card = card(source);
        SequencedMap<String, String> metadata = new LinkedHashMap<>();
        if (card.containsKey(LICENSE)) {
            metadata.put(LICENSE, card.get(LICENSE).toLowerCase(Locale.ROOT));
        } else if (!files.isEmpty()) {
            metadata.put(LICENSE, OTHER);
        }
        if (OTHER.equals(metadata.get(LICENSE))) {
            if (card.containsKey(NAME)) {
                metadata.put(NAME, card.get(NAME));
            }
            String link = card.getOrDefault(LINK, "");
            if (link.startsWith("https://") || files.containsKey(link)) {
                metadata.put(LINK, link);
            } else if (!files.isEmpty()) {
                metadata.put(LINK, files.keySet().iterator().next());
            }
        }
        return metadata;
    }

    /** What the metadata of the source's card say; a card that cannot be read says nothing. */
    private static Map<String, String> card(Path source) {
        Map<String, String> found = new LinkedHashMap<>();
        try {
            Path file = source.resolve(SealedCard.FILE);
            if (!Files.isRegularFile(file)) {
                return found;
            }
            byte[] bytes = InputFiles.bytes(OPERATION, InputFiles.requireWithin(OPERATION, file), MAX_BYTES);
            List<String> lines = new String(bytes, StandardCharsets.UTF_8).lines().toList();
            if (lines.isEmpty() || !lines.getFirst().strip().equals(FENCE)) {
                return found;
            }
            for (String line : lines.subList(1, lines.size())) {
                if (line.strip().equals(FENCE)) {
                    return found;
                }
                Matcher scalar = SCALAR.matcher(line);
                if (scalar.matches()) {
                    found.put(scalar.group(1), scalar.group(2));
                }
            }
        } catch (FileException e) {
            // Nothing depends on the card but what is said of the licence.
            return Map.of();
        }
        return Map.of();
    }

    /** A sentence for the card. */
    String inWords() {
        if (metadata.isEmpty()) {
            return "The source has no licence file, and no card that names a licence. Add the licence of the original model before you publish"
                    + " this one.";
        }
        String named = metadata.get(LICENSE) + (metadata.containsKey(NAME) ? " (%s)".formatted(metadata.get(NAME)) : "");
        return "As the source: %s.%s".formatted(named, files.isEmpty() ? "" : " Its text was carried over: "
                + String.join(", ", files.keySet().stream().map("[%1$s](<%1$s>)"::formatted).toList()) + ".");
    }
}
