package kept.safetensors;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.Checksum;
import kept.io.FileException;
import kept.weights.TensorEntry;

/**
 * The checksums of a safetensors file, stored in its own metadata: one of the header and one of each tensor, in the order of the tensors' data. While
 * the file is written, and while the header's own checksum is computed, zeros take their place.
 */
final class EmbeddedChecksums {
    static final String KEY = "kept.checksums";

    private final List<String> tensors;
    private final Map<String, Checksum> checksums = new HashMap<>();

    /**
     * Starts the checksums of a file.
     *
     * @param tensors the names in the order of their data
     */
    EmbeddedChecksums(List<String> tensors) {
        this.tensors = List.copyOf(tensors);
        tensors.forEach(tensor -> checksums.put(tensor, new Checksum()));
    }

    /** Returns the metadata with space reserved for the checksums. */
    static Map<String, String> reserved(Map<String, String> metadata, int tensors) {
        var more = new LinkedHashMap<>(metadata);
        more.put(KEY, "0".repeat((1 + tensors) * Checksum.DIGITS));
        return more;
    }

    /** Adds the next part of a tensor. */
    void update(String tensor, MemorySegment part) {
        checksums.get(tensor).update(part);
    }

    /** Writes the checksums into the reserved space of a header. */
    void into(byte[] header) {
        var digits = new StringBuilder(Checksum.of(header));
        tensors.forEach(tensor -> digits.append(checksums.get(tensor).digits()));
        byte[] bytes = digits.toString().getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, header, place(header), bytes.length);
    }

    /** A checksum of all of a file's. */
    static String ofContent(SafetensorsFile file) {
        return Checksum.of(file.metadata().getOrDefault(KEY, "").getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Verifies a file.
     *
     * @param file the open file
     * @param start its first bytes: the header length and the header
     * @throws FileException naming the file, and the first tensor whose checksum does not match
     */
    static void require(SafetensorsFile file, byte[] start) {
        String digits = file.metadata().get(KEY);
        List<TensorEntry> entries = new ArrayList<>(file.entries());
        if (digits == null || digits.length() != (1 + entries.size()) * Checksum.DIGITS) {
            throw new FileException("checksum", file.path(), "has no checksums; it is damaged or was written by another version");
        }
        int place = place(start);
        Arrays.fill(start, place, place + digits.length(), (byte) '0');
        if (!Checksum.of(start).equals(digits.substring(0, Checksum.DIGITS))) {
            throw new FileException("checksum", file.path(), "is damaged: the checksum of its header does not match");
        }
        for (int i = 0; i < entries.size(); i++) {
            TensorEntry entry = entries.get(i);
            int at = (1 + i) * Checksum.DIGITS;
            if (!Checksum.of(file.data(entry.name())).equals(digits.substring(at, at + Checksum.DIGITS))) {
                throw new FileException("checksum", file.path(), entry.name(), entry.offset(),
                    "is damaged: its checksum does not match");
            }
        }
    }

    /** Returns the offset of the digits. */
    private static int place(byte[] header) {
        String text = new String(header, StandardCharsets.ISO_8859_1);
        String key = "\"" + KEY + "\":\"";
        return text.indexOf(key) + key.length();
    }
}
