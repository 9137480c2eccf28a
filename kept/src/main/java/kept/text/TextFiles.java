package kept.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Reads text files that fit into memory, in UTF-8; a byte order mark at the start is removed. */
public final class TextFiles {
    /** Maximum size in bytes of a file that is read as a whole. */
    public static final int MAX_BYTES = 100_000_000;
    private static final String BYTE_ORDER_MARK = "\uFEFF";

    private TextFiles() { }

    /**
     * Reads a whole file.
     *
     * @param file the file
     * @return its text
     * @throws IOException if it cannot be read, exceeds {@link #MAX_BYTES} bytes, is not UTF-8 or is a Git LFS pointer; {@link Reasons} describes
     *     the reason
     */
    public static String read(Path file) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileSystemException(file.toString(), null, Files.isDirectory(file) ? "it is a directory" : "it is not a regular file");
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        if (bytes.length > MAX_BYTES) {
            throw new FileSystemException(file.toString(), null, "it has more than %,d bytes, too many for what it is".formatted(MAX_BYTES));
        }
        return decode(bytes);
    }

    /**
     * Decodes the bytes of a file.
     *
     * @param bytes the whole file
     * @return the text, without a byte order mark
     * @throws EncodingException if it is not UTF-8 or is a Git LFS pointer
     */
    public static String decode(byte[] bytes) throws EncodingException {
        Optional<String> other = otherEncoding(bytes, bytes.length);
        if (other.isPresent()) {
            throw new EncodingException("it is not UTF-8 but %s: convert it, for example with iconv -f %1$s -t UTF-8".formatted(other.get()));
        }
        Optional<String> pointer = LfsPointer.problem(bytes, bytes.length);
        if (pointer.isPresent()) {
            throw new EncodingException("it " + pointer.get());
        }
        int bad = firstMalformed(bytes, 0, bytes.length);
        if (bad >= 0) {
            throw new EncodingException("it is not UTF-8: byte 0x%02X at offset %d; convert it to UTF-8".formatted(bytes[bad], bad));
        }
        return withoutByteOrderMark(new String(bytes, StandardCharsets.UTF_8));
    }

    /**
     * Removes a byte order mark.
     *
     * @param text the start of a file
     * @return the text without it
     */
    public static String withoutByteOrderMark(String text) {
        return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    }

    /**
     * Detects an encoding other than UTF-8 by its byte order mark, or by zeros between the first two characters.
     *
     * @param bytes the start of a file
     * @param length the number of bytes
     * @return the name of the encoding, as used by iconv
     */
    public static Optional<String> otherEncoding(byte[] bytes, int length) {
        int first = length < 2 ? 0 : (bytes[0] & 0xFF) << 8 | bytes[1] & 0xFF;
        boolean zeros = length >= 4 && bytes[2] == 0 && bytes[3] == 0;
        return switch (first) {
            case 0xFFFE -> Optional.of(zeros ? "UTF-32LE" : "UTF-16LE");
            case 0xFEFF -> Optional.of("UTF-16BE");
            default -> first == 0 && length >= 4 && bytes[2] == (byte) 0xFE && bytes[3] == (byte) 0xFF ? Optional.of("UTF-32BE")
                    : withoutMark(bytes, length);
        };
    }

    /** Detects UTF-16 without a mark in text that starts with two ASCII characters. */
    private static Optional<String> withoutMark(byte[] bytes, int length) {
        if (length < 4) {
            return Optional.empty();
        }
        boolean little = bytes[0] > 0 && bytes[1] == 0 && bytes[2] > 0 && bytes[3] == 0;
        boolean big = bytes[0] == 0 && bytes[1] > 0 && bytes[2] == 0 && bytes[3] > 0;
        return little ? Optional.of("UTF-16LE") : big ? Optional.of("UTF-16BE") : Optional.empty();
    }

    /**
     * Finds the first byte that is not valid UTF-8.
     *
     * @param bytes the bytes
     * @param from the index of the first byte
     * @param length the number of bytes
     * @return the index of the first invalid byte, or -1
     */
    public static int firstMalformed(byte[] bytes, int from, int length) {
        // The JDK's decoder is fast but replaces invalid bytes, so only text with a replacement character needs a second look.
        if (new String(bytes, from, length, StandardCharsets.UTF_8).indexOf('\uFFFD') < 0) {
            return -1;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes, from, length);
        CharBuffer out = CharBuffer.allocate(1 << 13);
        var decoder = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT);
        CoderResult result;
        do {
            out.clear();
            result = decoder.decode(in, out, true);
        } while (result.isOverflow());
        return result.isError() ? in.position() : -1;
    }
}
