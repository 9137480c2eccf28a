package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.io.Checksum;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;

/** Copies a tokenizer to a new checkpoint, and identifies one. */
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

    /** Copies tokenizer.model and tokenizer.json, if they exist, unchanged. */
    static void write(Path source, Path target) {
        TokenizerFiles.requireWithin(source);
        for (String name : new String[] {Tokenizer.SENTENCEPIECE_FILE, Tokenizer.JSON_FILE}) {
            try {
                if (Files.exists(source.resolve(name))) {
                    Files.copy(source.resolve(name), target.resolve(name));
                }
            } catch (IOException e) {
                throw new RunException("[tokenizer] %s cannot be copied to %s: %s".formatted(source.resolve(name), target, Reasons.of(e)), e);
            }
        }
    }
}
