package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.io.Checksum;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;

/** Writes a tokenizer into a new checkpoint, and identifies one. */
final class TokenizerCopy {
    private TokenizerCopy() {}

    /** A checksum of the file that is the tokenizer. */
    static String fingerprint(Path source) {
        for (String name : new String[] {Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE}) {
            try {
                if (Files.exists(source.resolve(name))) {
                    return "%s, checksum %s".formatted(name, Checksum.of(Files.readAllBytes(source.resolve(name))));
                }
            } catch (IOException e) {
                throw new RunException("[tokenizer] %s cannot be read: %s".formatted(source.resolve(name), Reasons.of(e)), e);
            }
        }
        return "none";
    }

    /**
     * Writes the files of a tokenizer into a new checkpoint ({@link TokenizerFiles#write}).
     *
     * @param source the directory of the tokenizer
     * @param target an existing directory
     * @param maximumLength the maximum number of positions of the model
     * @param options deviations from the source
     * @return notes for the user
     */
    static List<String> write(Path source, Path target, int maximumLength, TokenizerFiles.Options options) {
        try {
            return TokenizerFiles.write(source, target, maximumLength, options);
        } catch (IOException e) {
            throw new RunException("[tokenizer] the files of %s cannot be written to %s: %s".formatted(source, target, Reasons.of(e)), e);
        }
    }
}
