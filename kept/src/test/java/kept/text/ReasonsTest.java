package kept.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.stream.Stream;
import java.util.zip.DataFormatException;
import java.util.zip.ZipException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a user reads of a cause. */
class ReasonsTest {
    static Stream<Arguments> causes() {
        return Stream.of(
                Arguments.of(new NoSuchFileException("x"), "no such file or directory"),
                Arguments.of(new AccessDeniedException("x"), "permission denied"),
                Arguments.of(new DirectoryNotEmptyException("x"), "the directory is not empty"),
                Arguments.of(new FileAlreadyExistsException("x"), "it exists already"),
                Arguments.of(new NotDirectoryException("x"), "it is not a directory"),
                Arguments.of(new FileSystemLoopException("x"), "its links lead back to itself"),
                Arguments.of(new FileSystemException("x", null, "No space left on device"), "No space left on device"),
                Arguments.of(new FileSystemException("x"), "the file system refuses it"),
                Arguments.of(new MalformedInputException(1), "it is not UTF-8"),
                Arguments.of(new ZipException("encrypted ZIP entry not supported"),
                        "it is encrypted: unpack it with its password and give the files"),
                Arguments.of(new ZipException("invalid compression method"),
                        "it is compressed in a way that is not supported: pack it as deflate, or unpack it"),
                Arguments.of(new ZipException("invalid CEN header (bad signature)"), "it is damaged, cut short, or no such archive"),
                Arguments.of(new ZipException(), "it is damaged, cut short, or no such archive"),
                Arguments.of(new EOFException(), "it ends too early: is it whole?"),
                Arguments.of(new DataFormatException("incorrect header check"), "its compressed data are damaged"),
                Arguments.of(new UncheckedIOException(new IOException("Input/output error")), "Input/output error"),
                Arguments.of(new IOException(), "unknown (IOException)"),
                Arguments.of(new IllegalStateException("internal"), "unknown (IllegalStateException)"),
                Arguments.of(new InvalidPathException("x", "y"), "it cannot be a path here, where names of files are "
                        + System.getProperty("sun.jnu.encoding") + "; set LC_ALL=C.UTF-8 if it has other characters than those"));
    }

    @ParameterizedTest
    @MethodSource("causes")
    void isTheReasonWithoutTheNameOfTheFile(Exception cause, String reason) {
        assertThat(Reasons.of(cause)).isEqualTo(reason);
    }
}
