package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.io.FileException;
import kept.io.HubCache;
import kept.io.InputFiles;
import kept.io.SealedCard;
import kept.text.Reasons;

/**
 * The licence of a source checkpoint: what the metadata of its model card say of it, and its licence files. An output is under the same licence.
 *
 * @param metadata the keys {@code license}, {@code license_name} and {@code license_link}, as far as they are known; a license may be several
 * @param files the contents of the licence files by name
 * @param notes what could not be carried over
 */
record SourceLicence(SequencedMap<String, List<String>> metadata, SequencedMap<String, byte[]> files, List<String> notes) {
    private static final String OPERATION = "licence";
    private static final String LICENSE = "license";
    private static final String NAME = "license_name";
    private static final String LINK = "license_link";
    private static final String OTHER = "other";
    private static final long MAX_BYTES = 1 << 20;
    private static final int MAX_FILES = 20;
    private static final Pattern RELATIVE = Pattern.compile("[\\w-][\\w.-]*(?:/[\\w-][\\w.-]*)*");

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

    private static SequencedMap<String, List<String>> metadata(Path source, Map<String, byte[]> files) {
        Map<String, List<String>> card = CardMetadata.of(source, OPERATION);
        SequencedMap<String, List<String>> metadata = new LinkedHashMap<>();
        if (card.containsKey(LICENSE)) {
            metadata.put(LICENSE, card.get(LICENSE).stream().map(name -> name.toLowerCase(Locale.ROOT)).toList());
        } else if (!files.isEmpty()) {
            metadata.put(LICENSE, List.of(OTHER));
        }
        if (metadata.getOrDefault(LICENSE, List.of()).contains(OTHER)) {
            if (card.containsKey(NAME)) {
                metadata.put(NAME, List.of(card.get(NAME).getFirst()));
            }
            link(source, card.getOrDefault(LINK, List.of("")).getFirst(), files).ifPresent(link -> metadata.put(LINK, List.of(link)));
        }
        return metadata;
    }

    /** Where the text of the licence is: a file that is carried over, or an address, which on the Hub a file of the source has too. */
    private static Optional<String> link(Path source, String link, Map<String, byte[]> files) {
        if (link.matches("https?://\\S+") || files.containsKey(link)) {
            return Optional.of(link);
        }
        Optional<String> page = RELATIVE.matcher(link).matches() ? HubCache.pageOf(source.resolve(link)) : Optional.empty();
        return page.isPresent() ? page : files.keySet().stream().findFirst();
    }

    /** A sentence for the card. */
    String inWords() {
        if (metadata.isEmpty()) {
            return "The source has no licence file, and no card that names a licence. Add the licence of the original model before you publish"
                    + " this one.";
        }
        String named = String.join(", ", metadata.get(LICENSE))
                + (metadata.containsKey(NAME) ? " (%s)".formatted(metadata.get(NAME).getFirst()) : "");
        return "As the source: %s.%s".formatted(ModelCard.escaped(named), files.isEmpty() ? "" : " Its text was carried over: "
                + String.join(", ", files.keySet().stream().map("[%1$s](<%1$s>)"::formatted).toList()) + ".");
    }
}
