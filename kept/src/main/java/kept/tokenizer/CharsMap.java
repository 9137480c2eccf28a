package kept.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.IntBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Compiled normalisation rules ({@code precompiled_charsmap}) that have been validated completely: a double-array trie of source texts, whose leaves
 * are offsets into the replacements stored after it. SentencePiece and Hugging Face tokenizers follow these offsets without checks, so only validated
 * rules are passed to them.
 *
 * <p>Layout: the trie's size in bytes (u32), the trie (u32 units), replacements (UTF-8, each ended by a zero).
 */
final class CharsMap {
    /** Rules that change nothing. */
    static final CharsMap NONE = new CharsMap(new byte[0], 1);

    /** Maximum length of a source text in bytes; those of NFKC are shorter than half of it. */
    private static final int MAX_KEY_LENGTH = 128;
    /** Maximum number of rules whose source texts are prefixes of each other: SentencePiece has room for 32 results of a look-up. */
    private static final int MAX_NESTED = 32;
    /** Maximum ratio of the length of a replacement to its source; the largest in NFKC is 11. */
    private static final int MAX_GROWTH = 32;
    private static final int LABELS = 256;
    /** Tries share suffixes, so a unit may be reached after different numbers of bytes, but not many. */
    private static final int MAX_VISITS = 4;

    private final byte[] bytes;
    private final double growth;

    private CharsMap(byte[] bytes, double growth) {
        this.bytes = bytes;
        this.growth = growth;
    }

    /**
     * Validates rules.
     *
     * @param bytes the field's content
     * @param name the file's name, for messages
     * @return the rules
     * @throws TokenizerException if a look-up could leave the table, loop, or return invalid text
     */
    static CharsMap check(byte[] bytes, String name) {
        if (bytes.length == 0) {
            return NONE;
        }
        var check = new TrieCheck(bytes, name);
        check.require();
        return new CharsMap(bytes, check.growth);
    }

    /** The largest ratio of a replacement to what it replaces, in bytes; at least 1. */
    double growth() {
        return growth;
    }

    boolean isEmpty() {
        return bytes.length == 0;
    }

    byte[] bytes() {
        return bytes.clone();
    }

    /**
     * Returns texts that the rules replace.
     *
     * @param most the maximum number
     * @return the shortest, in byte order
     */
    List<String> replaced(int most) {
        return isEmpty() ? List.of() : new TrieCheck(bytes, "").keys(most);
    }

    /** Traverses all rules breadth-first, by the length of their source. */
    private static final class TrieCheck {
        private final byte[] bytes;
        private final String name;
        private IntBuffer units;
        private int replacements;
        private double growth = 1;

        TrieCheck(byte[] bytes, String name) {
            this.bytes = bytes;
            this.name = name;
        }

        /** The paths that end at a leaf and are valid text; the rules must be validated. */
        List<String> keys(int most) {
            units = ByteBuffer.wrap(bytes, Integer.BYTES, bytes.length - Integer.BYTES).slice().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
            List<String> keys = new ArrayList<>();
            SequencedMap<ByteBuffer, Integer> paths = new LinkedHashMap<>(Map.of(ByteBuffer.allocate(0), step(0)));
            while (!paths.isEmpty() && keys.size() < most) {
                SequencedMap<ByteBuffer, Integer> longer = new LinkedHashMap<>();
                paths.forEach((path, place) -> {
                    for (int label = 1; label < LABELS; label++) {
                        int unit = units.get(place ^ label);
                        if ((unit & 0x800000FF) == label) {
                            ByteBuffer next = ByteBuffer.allocate(path.capacity() + 1).put(path.duplicate()).put((byte) label).rewind();
                            longer.put(next, step(place ^ label));
                            if ((unit & 0x100) != 0) {
                                keys.add(StandardCharsets.UTF_8.decode(next.duplicate()).toString());
                            }
                        }
                    }
                });
                paths = longer;
            }
            return keys.subList(0, Math.min(most, keys.size()));
        }

        void require() {
            var buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            long size = bytes.length < Integer.BYTES ? -1 : Integer.toUnsignedLong(buffer.getInt());
            if (size < Integer.BYTES * (long) LABELS || size % Integer.BYTES != 0 || size > bytes.length - Integer.BYTES - 1) {
                throw broken("says that its table has %d of %d bytes".formatted(size, bytes.length));
            }
            units = buffer.slice(Integer.BYTES, (int) size).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
            replacements = Integer.BYTES + (int) size;
            requireText();
            // The units reachable after this many bytes, with the largest number of rules on a path to each.
            Map<Integer, Integer> places = Map.of(step(0), 0);
            long visits = 0;
            for (int length = 1; !places.isEmpty(); length++) {
                visits += places.size();
                if (length > MAX_KEY_LENGTH || visits > MAX_VISITS * (long) units.limit()) {
                    throw broken("replaces texts of more than %d bytes, or runs in circles".formatted(MAX_KEY_LENGTH));
                }
                Map<Integer, Integer> next = new HashMap<>();
                for (Map.Entry<Integer, Integer> place : places.entrySet()) {
                    follow(place.getKey(), place.getValue(), length, next);
                }
                places = next;
            }
        }

        private void requireText() {
            CharBuffer text;
            try {
                text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, replacements, bytes.length - replacements));
            } catch (CharacterCodingException e) {
                throw broken("has replacements that are no UTF-8");
            }
            if (text.get(text.limit() - 1) != 0) {
                throw broken("has a replacement without an end");
            }
        }

        /** Follows all bytes that may come next at a unit. */
        private void follow(int place, int met, int length, Map<Integer, Integer> next) {
            if ((place | LABELS - 1) >= units.limit()) {
                throw broken("points outside its table");
            }
            for (int label = 0; label < LABELS; label++) {
                int unit = units.get(place ^ label);
                if ((unit & 0x800000FF) != label) {
                    continue;
                }
                int there = step(place ^ label);
                int rules = met;
                if ((unit & 0x100) != 0) {
                    requireReplacement(there, length);
                    rules++;
                }
                if (rules > MAX_NESTED) {
                    throw broken("has more than %d rules whose texts begin one another".formatted(MAX_NESTED));
                }
                next.merge(there, rules, Math::max);
            }
        }

        /** The target of a unit. */
        private int step(int at) {
            int unit = units.get(at);
            return at ^ unit >>> 10 << ((unit & 0x200) >>> 6);
        }

        private void requireReplacement(int place, int keyLength) {
            long value = place < 0 || place >= units.limit() ? -1 : units.get(place) & Integer.MAX_VALUE;
            if (value < 0 || value >= bytes.length - replacements) {
                throw broken("has a replacement outside its table");
            }
            int start = replacements + (int) value;
            if ((bytes[start] & 0xC0) == 0x80) {
                throw broken("has a replacement that begins inside a character");
            }
            int end = start;
            while (bytes[end] != 0 && end - start < MAX_GROWTH * keyLength) {
                end++;
            }
            if (bytes[end] != 0) {
                throw broken("replaces %d bytes by more than %d".formatted(keyLength, MAX_GROWTH * keyLength));
            }
            growth = Math.max(growth, (double) (end - start) / keyLength);
        }

        private TokenizerException broken(String problem) {
            return new TokenizerException("[tokenizer] %s: the compiled normalisation rules are broken (precompiled_charsmap %s): copy the file again"
                    .formatted(name, problem));
        }
    }
}
