package kept.torch;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import kept.io.FileException;

/**
 * Locates the entries of a zip archive whose entries are stored uncompressed, as PyTorch writes them. Follows the end record (PKWARE's APPNOTE, 4.3),
 * including the 64-bit fields of archives above 4 GiB:
 *
 * <pre>
 *   | local header, entry | local header, entry | ... | central directory | [64-bit end record, its locator] | end record |
 *     ^                                                ^  |                 ^                     |            |
 *     +------------------------------------------------|--+                 +---------------------+            |
 *                                                      +-------------------------------------------------------+
 * </pre>
 */
final class ZipDirectory {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int LOCAL_HEADER = 0x04034b50;
    private static final int LOCAL_HEADER_BYTES = 30;
    private static final int CENTRAL_HEADER = 0x02014b50;
    private static final int CENTRAL_HEADER_BYTES = 46;
    private static final int END = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int MAX_COMMENT_BYTES = 0xffff;
    /** How far before the end of the file to search for an end record, to tell appended bytes from truncation. */
    private static final long MAX_TRAILING_BYTES = 1 << 26;
    private static final int END_64 = 0x06064b50;
    private static final int END_64_BYTES = 56;
    private static final int LOCATOR_64 = 0x07064b50;
    private static final int LOCATOR_64_BYTES = 20;
    private static final int EXTRA_64 = 0x0001;
    /** A 32-bit field with this value means that the value is in the 64-bit extra field. */
    private static final long IN_EXTRA_FIELD = 0xffffffffL;

    private final Path file;
    private final MemorySegment content;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    /**
     * The location of an entry.
     *
     * @param offset start of its bytes, from the start of the file
     * @param size how many bytes
     */
    record Entry(long offset, long size) { }

    private ZipDirectory(Path file, MemorySegment content) {
        this.file = file;
        this.content = content;
    }

    /**
     * Reads the directory of an archive.
     *
     * @param file the file's path, for errors
     * @param content the whole file
     * @return the entries by name, in the order of the directory; all are within the file
     * @throws FileException if it is not a zip archive, is damaged, or has compressed or encrypted entries
     */
    static Map<String, Entry> read(Path file, MemorySegment content) {
        var directory = new ZipDirectory(file, content);
        directory.readEntries();
        return directory.entries;
    }

    private void readEntries() {
        long end = findEnd();
        long count = unsignedShort(end + 10);
        long size = unsigned(end + 12);
        long start = unsigned(end + 16);
        long limit = end;
        if (count == 0xffff || size == IN_EXTRA_FIELD || start == IN_EXTRA_FIELD) {
            long record = findEnd64(end);
            count = content.get(LONG, record + 32);
            size = content.get(LONG, record + 40);
            start = content.get(LONG, record + 48);
            limit = record;
        }
        if (start < 0 || size < 0 || start > limit || size > limit - start) {
            throw error(end, "the zip directory of %d bytes at byte %d lies outside the file".formatted(size, start));
        }
        long at = start;
        for (long i = 0; i < count; i++) {
            at = readEntry(at, start + size, start);
        }
    }

    private long findEnd() {
        long size = content.byteSize();
        for (long at = size - END_BYTES; at >= Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES); at--) {
            if (content.get(INT, at) == END && unsignedShort(at + 20) == size - END_BYTES - at) {
                return at;
            }
        }
        requireNothingBehind(size);
        throw error(Math.max(0, size - END_BYTES), "the zip directory is missing at the end: is the file truncated?");
    }

    /** Distinguishes bytes appended to an archive from a truncated archive: with appended bytes, an end record exists, but not at the end. */
    private void requireNothingBehind(long size) {
        for (long at = size - END_BYTES; at >= Math.max(0, size - MAX_TRAILING_BYTES); at--) {
            if (content.get(INT, at) == END) {
                long start = unsigned(at + 16);
                boolean isEnd = start == IN_EXTRA_FIELD || start <= at - CENTRAL_HEADER_BYTES && content.get(INT, start) == CENTRAL_HEADER;
                long behind = size - at - END_BYTES - unsignedShort(at + 20);
                if (isEnd && behind > 0) {
                    throw error(size - behind, "the file goes on after the end of its zip archive (bytes left: %d): was something appended?"
                        .formatted(behind));
                }
            }
        }
    }

    private long findEnd64(long end) {
        long locator = end - LOCATOR_64_BYTES;
        if (locator < 0 || content.get(INT, locator) != LOCATOR_64) {
            throw error(end, "the zip directory's 64-bit record is missing");
        }
        long record = content.get(LONG, locator + 8);
        if (record < 0 || record > locator - END_64_BYTES || content.get(INT, record) != END_64) {
            throw error(locator, "the zip directory's 64-bit record is not at byte %d, where it should be".formatted(record));
        }
        return record;
    }

    /** Reads an entry of the directory and returns the offset of the next. */
    private long readEntry(long at, long end, long directory) {
        if (at > end - CENTRAL_HEADER_BYTES || content.get(INT, at) != CENTRAL_HEADER) {
            throw error(at, "the zip directory is damaged: an entry is missing");
        }
        int flags = unsignedShort(at + 8);
        int method = unsignedShort(at + 10);
        int nameBytes = unsignedShort(at + 28);
        int extraBytes = unsignedShort(at + 30);
        long next = at + CENTRAL_HEADER_BYTES + nameBytes + extraBytes + unsignedShort(at + 32);
        if (next > end) {
            throw error(at, "the zip directory is damaged: an entry goes past its end");
        }
        byte[] bytes = content.asSlice(at + CENTRAL_HEADER_BYTES, nameBytes).toArray(ValueLayout.JAVA_BYTE);
        String name = new String(bytes, StandardCharsets.UTF_8);
        if ((flags & 1) != 0 || method != 0) {
            throw error(at, "entry '%s' is %s; PyTorch stores entries uncompressed: save the file again with torch.save"
                .formatted(FileException.shorten(name), method != 0 ? "compressed" : "encrypted"));
        }
        var sizes = new Sizes(unsigned(at + 20), unsigned(at + 24), unsigned(at + 42));
        if (sizes.incomplete()) {
            sizes = sizes.completed(at + CENTRAL_HEADER_BYTES + nameBytes, extraBytes);
        }
        if (sizes.packed != sizes.unpacked) {
            throw error(at, "entry '%s' has %d packed bytes for %d unpacked"
                .formatted(FileException.shorten(name), sizes.packed, sizes.unpacked));
        }
        if (entries.put(name, locate(name, at, sizes.unpacked, sizes.header, directory)) != null) {
            throw error(at, "entry '%s' occurs twice".formatted(FileException.shorten(name)));
        }
        return next;
    }

    /** The sizes of an entry and the offset of its local header. */
    private final class Sizes {
        private final long packed;
        private final long unpacked;
        private final long header;

        Sizes(long packed, long unpacked, long header) {
            this.packed = packed;
            this.unpacked = unpacked;
            this.header = header;
        }

        boolean incomplete() {
            return packed == IN_EXTRA_FIELD || unpacked == IN_EXTRA_FIELD || header == IN_EXTRA_FIELD;
        }

        /** Returns the sizes with missing values taken from the 64-bit extra field, which holds them in the order unpacked, packed, header. */
        Sizes completed(long extra, int extraBytes) {
            for (long at = extra; at <= extra + extraBytes - 4; at += 4 + unsignedShort(at + 2)) {
                if (unsignedShort(at) == EXTRA_64) {
                    long[] values = {unpacked, packed, header};
                    long from = at + 4;
                    for (int i = 0; i < values.length; i++) {
                        if (values[i] == IN_EXTRA_FIELD) {
                            if (from + Long.BYTES > Math.min(at + 4 + unsignedShort(at + 2), extra + extraBytes)) {
                                throw error(at, "the zip directory is damaged: a 64-bit field is too short");
                            }
                            values[i] = content.get(LONG, from);
                            from += Long.BYTES;
                        }
                    }
                    return new Sizes(values[1], values[0], values[2]);
                }
            }
            throw error(extra, "the zip directory is damaged: a 64-bit field is missing");
        }
    }

    private Entry locate(String name, long at, long size, long header, long directory) {
        if (header < 0 || header > directory - LOCAL_HEADER_BYTES || content.get(INT, header) != LOCAL_HEADER) {
            throw error(at, "entry '%s' is not at byte %d, where the zip directory places it".formatted(FileException.shorten(name), header));
        }
        long offset = header + LOCAL_HEADER_BYTES + unsignedShort(header + 26) + unsignedShort(header + 28);
        if (size < 0 || offset > directory || size > directory - offset) {
            throw error(header, "entry '%s' of %d bytes goes past the end of the data".formatted(FileException.shorten(name), size));
        }
        return new Entry(offset, size);
    }

    private int unsignedShort(long at) {
        return Short.toUnsignedInt(content.get(SHORT, at));
    }

    private long unsigned(long at) {
        return Integer.toUnsignedLong(content.get(INT, at));
    }

    private FileException error(long offset, String problem) {
        return new FileException(TorchFile.OPERATION, file, null, offset, problem);
    }
}
