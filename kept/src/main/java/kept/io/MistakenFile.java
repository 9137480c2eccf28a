package kept.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import kept.text.LfsPointer;
import kept.text.VisibleText;

/**
 * Recognises, by its first bytes, a file that is not what its name says: an error page or a Git LFS pointer in place of the download, an incomplete
 * download, another format. Returns the problem and its solution, for messages.
 */
public final class MistakenFile {
    private static final int HEAD = 1024;
    /** How many bytes of a zero-filled file to check. */
    private static final int ZEROS = 64;
    /** How many bytes of a text to look at and to show. */
    private static final int TEXT = 40;
    private static final int TAR_MAGIC = 257;
    private static final String AGAIN = "; download it again, for example with: hf download OWNER/NAME";
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** First characters of such text files, in lower case, and the problem. */
    private static final List<Kind> TEXTS = List.of(
        new Kind("version https://git-lfs", LfsPointer.PROBLEM + AGAIN),
        new Kind("<!doctype html", "is a web page (HTML), not the file itself" + AGAIN),
        new Kind("<html", "is a web page (HTML), not the file itself" + AGAIN),
        new Kind("<?xml", "is XML, such as a server's error, not the file itself" + AGAIN),
        new Kind("<error", "is a server's error in XML, not the file itself" + AGAIN),
        new Kind("{\"error\":\"", "is a server's error in JSON, not the file itself" + AGAIN),
        new Kind("{\"message\":\"", "is a server's answer in JSON, not the file itself" + AGAIN),
        new Kind("{\"detail\":\"", "is a server's answer in JSON, not the file itself" + AGAIN),
        new Kind("entry not found", "is a server's error ('Entry not found'), not the file itself: is the name right?"),
        new Kind("repository not found", "is a server's error ('Repository not found'), not the file itself: is the name right, "
            + "and are you logged in?"),
        new Kind("access to model", "is a server's refusal, not the file itself: log in (hf auth login) and accept the model's licence"),
        new Kind("invalid credentials", "is a server's refusal, not the file itself: log in (hf auth login)"),
        new Kind("invalid username", "is a server's refusal, not the file itself: log in (hf auth login)"),
        new Kind("not found", "is a server's error, not the file itself" + AGAIN),
        new Kind("404", "is a server's error, not the file itself" + AGAIN));

    /** First bytes of such binary files, each as a character, and the problem. */
    private static final List<Kind> BYTES = List.of(
        new Kind("\u001f\u008b", "is compressed with gzip: unpack it (gunzip)"),
        new Kind("BZh", "is compressed with bzip2: unpack it (bunzip2)"),
        new Kind("\u00fd7zXZ\0", "is compressed with xz: unpack it (unxz)"),
        new Kind("\u0028\u00b5\u002f\u00fd", "is compressed with zstd: unpack it (unzstd)"),
        new Kind("7z\u00bc\u00af\u0027\u001c", "is a 7z archive: unpack it"),
        new Kind("Rar!", "is a RAR archive: unpack it"),
        new Kind("GGUF", "is a GGUF file of llama.cpp: use the model's safetensors or PyTorch files"),
        new Kind("ggjt", "is a GGML file of llama.cpp: use the model's safetensors or PyTorch files"),
        new Kind("lmgg", "is a GGML file of llama.cpp: use the model's safetensors or PyTorch files"),
        new Kind("\u0089HDF", "is an HDF5 file, a TensorFlow format: use the model's safetensors or PyTorch files"),
        new Kind("\u0093NUMPY", "is a NumPy array: use the model's safetensors or PyTorch files"));

    private record Kind(String beginning, String problem) { }

    private MistakenFile() { }

    /**
     * Recognises content that is commonly found in place of the expected file.
     *
     * @param head the start of the file, or all of it
     * @param size the size of the file in bytes
     * @return the problem and its solution, to follow the file's name; empty if nothing is recognised
     */
    public static Optional<String> kind(byte[] head, long size) {
        if (size == 0) {
            return Optional.of("is empty (0 bytes)" + AGAIN);
        }
        String bytes = new String(head, 0, Math.min(head.length, HEAD), StandardCharsets.ISO_8859_1);
        String text = (bytes.startsWith("\u00ef\u00bb\u00bf") ? bytes.substring(3) : bytes).stripLeading().toLowerCase(Locale.ROOT)
            .replaceFirst("^\\{\\s*(\"\\w+\")\\s*:\\s*", "{$1:");
        Optional<Kind> kind = TEXTS.stream().filter(known -> text.startsWith(known.beginning)).findFirst()
            .or(() -> BYTES.stream().filter(known -> bytes.startsWith(known.beginning)).findFirst());
        if (kind.isPresent()) {
            return kind.map(Kind::problem);
        }
        if (bytes.startsWith("ustar", TAR_MAGIC)) {
            return Optional.of("is a tar archive: unpack it (tar -xf)");
        }
        boolean zeros = bytes.length() >= ZEROS && bytes.substring(0, ZEROS).chars().allMatch(c -> c == 0);
        return zeros ? Optional.of("starts with zeros, as an unfinished download does" + AGAIN) : Optional.empty();
    }

    /**
     * Recognises content that is commonly found in place of the expected file.
     *
     * @param operation the prefix of an error message
     * @param file the file
     * @return the problem and its solution, to follow the file's name; empty if nothing is recognised
     * @throws FileException if it cannot be read
     */
    public static Optional<String> kind(String operation, Path file) {
        try (var channel = InputFiles.open(operation, file)) {
            var head = ByteBuffer.allocate(HEAD);
            while (head.hasRemaining() && channel.read(head) >= 0) {
                // Continue with the next read.
            }
            return kind(Arrays.copyOf(head.array(), head.position()), channel.size());
        } catch (IOException e) {
            throw new FileException(operation, file, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Recognises a Git LFS pointer; for files that may contain any text, such as templates, nothing else can be recognised.
     *
     * @param operation the prefix of an error message
     * @param file the file
     * @return the problem and its solution, to follow the file's name; empty if it is not a pointer
     * @throws FileException if it cannot be read
     */
    public static Optional<String> pointer(String operation, Path file) {
        return kind(operation, file).filter(TEXTS.getFirst().problem::equals);
    }

    /**
     * Recognises content of a mapped file that is not a model file.
     *
     * @param content the whole file
     * @return the problem and its solution, to follow the file's name; empty if nothing is recognised
     */
    public static Optional<String> kind(MemorySegment content) {
        byte[] head = content.asSlice(0, Math.min(HEAD, content.byteSize())).toArray(ValueLayout.JAVA_BYTE);
        return kind(head, content.byteSize()).or(() -> text(head));
    }

    /** Any other text, such as a server's answer; the first bytes of a model file are never all printable. */
    private static Optional<String> text(byte[] head) {
        String begin = new String(head, 0, Math.min(head.length, TEXT), StandardCharsets.ISO_8859_1);
        boolean printable = begin.chars().allMatch(c -> c >= ' ' && c <= '~' || c == '\n' || c == '\r' || c == '\t');
        return printable ? Optional.of("is text, not the file itself; it begins with " + VisibleText.quoted(begin) + AGAIN) : Optional.empty();
    }

    /**
     * Whether a file starts like a safetensors file: with a plausible header length and JSON.
     *
     * @param content the whole file
     * @return true if so
     */
    public static boolean isSafetensors(MemorySegment content) {
        return content.byteSize() > Long.BYTES && content.get(ValueLayout.JAVA_BYTE, Long.BYTES) == '{' && content.get(LENGTH, 0) > 0
            && content.get(LENGTH, 0) <= content.byteSize() - Long.BYTES;
    }

    /**
     * Whether a file is a zip archive, as PyTorch files are.
     *
     * @param content the whole file
     * @return true if so
     */
    public static boolean isZip(MemorySegment content) {
        return content.byteSize() > Integer.BYTES && content.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0) == 0x04034b50;
    }
}
