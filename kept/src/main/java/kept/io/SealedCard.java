package kept.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The model card of an output, {@code README.md}, and the licence files beside it. Users write files of these names too. The card's last line, which
 * no reader of Markdown shows, therefore has a checksum of the rest of the card and of each licence file; a file without its checksum there belongs
 * to the user, and so does one that was changed.
 */
public final class SealedCard {
    /** The card's name. */
    public static final String FILE = "README.md";
    /** Names of licence files, as an expression without groups that count. */
    private static final String LICENCES = "(?i:(?!.*\\.(?:json|jsonl|py|bin|safetensors|model|html|gguf|jinja|pt|pth)$)"
        + "[\\w .-]*(?:licen[cs]e|copying|notice|use_policy)[\\w .-]*)";
    /** Names of all documents. */
    static final String NAMES = "README\\.md|" + LICENCES;

    private static final Pattern LICENCE = Pattern.compile(LICENCES);
    private static final String SEAL = "<!-- written by kept, checksums: ";
    private static final String END = " -->\n";
    private static final Pattern ENTRY = Pattern.compile("([\\w .-]+) ([0-9a-f]{16})(?:, |$)");
    /** Larger files are no cards. */
    private static final long MAX_BYTES = 1 << 20;

    private SealedCard() {}

    /**
     * Whether a file of this name may be a licence.
     *
     * @param name the last element of its path
     * @return true for names such as LICENSE, LICENCE.md, NOTICE.txt
     */
    public static boolean isLicence(String name) {
        return LICENCE.matcher(name).matches();
    }

    /**
     * Writes the card after its licences.
     *
     * @param directory an existing directory
     * @param text the card, in Markdown
     * @param licences the contents of licence files by name
     */
    public static void write(Path directory, String text, SequencedMap<String, byte[]> licences) {
        String body = text.endsWith("\n") ? text : text + "\n";
        List<String> seals = new ArrayList<>(List.of(FILE + " " + Checksum.of(body.getBytes(StandardCharsets.UTF_8))));
        licences.forEach((name, bytes) -> {
            AtomicFiles.write(directory.resolve(name), bytes);
            seals.add(name + " " + Checksum.of(bytes));
        });
        AtomicFiles.write(directory.resolve(FILE), (body + SEAL + String.join(", ", seals) + END).getBytes(StandardCharsets.UTF_8));
    }

    /** Whether a file of a directory is a card or a licence as it was written here. */
    static boolean isOwn(Path directory, String name) throws IOException {
        return name.matches(NAMES) && checksum(directory, name).equals(seals(directory).get(name));
    }

    /** The checksums on the last line of a directory's card; none without such a line. */
    private static Map<String, String> seals(Path directory) throws IOException {
        Map<String, String> seals = new HashMap<>();
        String card = text(directory.resolve(FILE));
        int start = card.lastIndexOf(SEAL);
        if (start >= 0 && card.endsWith(END)) {
            Matcher entries = ENTRY.matcher(card.substring(start + SEAL.length(), card.length() - END.length()));
            while (entries.find()) {
                seals.put(entries.group(1), entries.group(2));
            }
        }
        return seals;
    }

    private static String checksum(Path directory, String name) throws IOException {
        Path file = directory.resolve(name);
        if (!name.equals(FILE)) {
            return Files.size(file) > MAX_BYTES ? "" : Checksum.of(Files.readAllBytes(file));
        }
        String card = text(file);
        return Checksum.of(card.substring(0, Math.max(0, card.lastIndexOf(SEAL))).getBytes(StandardCharsets.UTF_8));
    }

    private static String text(Path card) throws IOException {
        return Files.isRegularFile(card, LinkOption.NOFOLLOW_LINKS) && Files.size(card) <= MAX_BYTES
            ? new String(Files.readAllBytes(card), StandardCharsets.UTF_8) : "";
    }
}
