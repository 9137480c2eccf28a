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

/** Why a file could not be read or written, in words that follow its name: the libraries' exceptions often carry a path alone, or their own terms. */
public final class Reasons {
    private Reasons() { }

    /**
     * A cause in words.
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
            // What the operating system says, such as that no space is left.
            case IOException io when io.getMessage() != null -> io.getMessage();
            default -> "unknown (%s)".formatted(cause.getClass().getSimpleName());
        };
    }

    /** The runtime's reader of archives tells of its fields; what matters to a user is one of these. */
    private static String archive(ZipException e) {
        String message = e.getMessage() == null ? "" : e.getMessage();
        if (message.contains("encrypted")) {
            return "it is encrypted: unpack it with its password and give the files";
        }
        return message.contains("compression method") ? "it is compressed in a way that is not supported: pack it as deflate, or unpack it"
                : "it is damaged, cut short, or no such archive";
    }

    /**
     * Why a name is no path.
     *
     * @return the reason, with the encoding of paths here
     */
    public static String path() {
        return "it cannot be a path here, where names of files are %s; set LC_ALL=C.UTF-8 if it has other characters than those"
                .formatted(System.getProperty("sun.jnu.encoding", "unknown"));
    }
}
