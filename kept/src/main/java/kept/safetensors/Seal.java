package kept.safetensors;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.CheckpointException;
import kept.io.Checksum;
import kept.weights.TensorEntry;

/**
 * The checksums of a safetensors file in its own metadata: one of the header and one of each tensor, in the order of the tensors' data. While the
 * file is written, and where the header's own checksum is computed, zeros stand in their place.
 */
final class Seal {
    static final String KEY = "kept.checksums";

    private final List<String> tensors;
    private final Map<String, Checksum> checksums = new HashMap<>();

    /**
     * A seal to be.
     *
     * @param tensors the names in the order of their data
     */
    Seal(List<String> tensors) {
        this.tensors = List.copyOf(tensors);
        tensors.forEach(tensor -> checksums.put(tensor, new Checksum()));
    }

    /** Metadata with room for the checksums. */
    static Map<String, String> reserved(Map<String, String> metadata, int tensors) {
        var more = new LinkedHashMap<>(metadata);
        more.put(KEY, "0".repeat((1 + tensors) * Checksum.DIGITS));
        return more;
    }

    /** Takes the next part of a tensor in. */
    void update(String tensor, MemorySegment part) {
        checksums.get(tensor).update(part);
    }

    /** Puts the checksums into a header that has room for them. */
    void into(byte[] header) {
        var digits = new StringBuilder(Checksum.of(MemorySegment.ofArray(header)));
        tensors.forEach(tensor -> digits.append(checksums.get(tensor).digits()));
        byte[] bytes = digits.toString().getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, header, place(header), bytes.length);
    }

    /**
     * Checks a file.
     *
     * @param file the open file
     * @param start its first bytes: the length of the header, and the header
     * @throws CheckpointException naming the file, and the first tensor that does not have its checksum
     */
    static void require(SafetensorsFile file, byte[] start) {
        String digits = file.metadata().get(KEY);
        List<TensorEntry> entries = new ArrayList<>(file.entries());
        if (digits == null || digits.length() != (1 + entries.size()) * Checksum.DIGITS) {
            throw new CheckpointException("checksum", file.path(), "has no checksums; it is damaged, or another version of this program wrote it");
        }
        int place = place(start);
        Arrays.fill(start, place, place + digits.length(), (byte) '0');
        if (!Checksum.of(MemorySegment.ofArray(start)).equals(digits.substring(0, Checksum.DIGITS))) {
            throw new CheckpointException("checksum", file.path(), "is damaged: its header does not have the checksum it was written with");
        }
        for (int i = 0; i < entries.size(); i++) {
            TensorEntry entry = entries.get(i);
            int at = (1 + i) * Checksum.DIGITS;
            if (!Checksum.of(file.data(entry.name())).equals(digits.substring(at, at + Checksum.DIGITS))) {
                throw new CheckpointException("checksum", file.path(), entry.name(), entry.offset(),
                    "is damaged: it does not have the checksum it was written with");
            }
        }
    }

    /** Where the digits begin. */
    private static int place(byte[] header) {
        String text = new String(header, StandardCharsets.ISO_8859_1);
        String key = "\"" + KEY + "\":\"";
        return text.indexOf(key) + key.length();
    }
}
