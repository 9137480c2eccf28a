package kept.text;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.zip.DataFormatException;
import java.util.zip.ZipException;

/** Describes why a file could not be read or written, to follow its name: the exceptions of libraries often contain only a path or internal terms. */
public final class Reasons {
    private Reasons() { }

    /**
     * Describes a cause.
     *
     * @param cause what happened
     * @return the reason, without the file's name
     */
    public static String of(Exception cause) {
        return switch (cause) {
            case NoSuchFileException _ -> "no such file or directory";
            case AccessDeniedException _ -> "permission denied";
            case DirectoryNotEmptyException _ -> "the directory is not empty";
            case FileAlreadyExistsException _ -> "it exists already";
            case NotDirectoryException _ -> "it is not a directory";
            case FileSystemLoopException _ -> "its links lead back to itself";
            case FileSystemException other when other.getReason() != null -> other.getReason();
            case FileSystemException _ -> "the file system refuses it";
            case EncodingException encoding -> encoding.getMessage();
            case CharacterCodingException _ -> "it is not UTF-8";
            case JsonException json -> "it is not the JSON it should be: " + json.getMessage();
            case ZipException zip -> archive(zip);
            case EOFException _ -> "it ends too early: is it whole?";
            case DataFormatException _ -> "its compressed data are damaged";
            case UncheckedIOException wrapped -> of(wrapped.getCause());
            case InvalidPathException _ -> path();
            // A message of the operating system, such as "no space left on device".
            case IOException io when io.getMessage() != null -> io.getMessage();
            default -> "unknown (%s)".formatted(cause.getClass().getSimpleName());
        };
    }

    /** The runtime's zip reader reports internal fields; these are the cases that matter to a user. */
    private static String archive(ZipException e) {
        String message = e.getMessage() == null ? "" : e.getMessage();
        if (message.contains("encrypted")) {
            return "it is encrypted: unpack it with its password and give the files";
        }
        return message.contains("compression method") ? "it is compressed in a way that is not supported: pack it as deflate, or unpack it"
                : "it is damaged, cut short, or no such archive";
    }

    /**
     * Explains why a name is not a valid path.
     *
     * @return the reason, with the encoding of paths on this system
     */
    public static String path() {
        return "it cannot be a path here, where names of files are %s; set LC_ALL=C.UTF-8 if it has other characters than those"
                .formatted(System.getProperty("sun.jnu.encoding", "unknown"));
    }
}
