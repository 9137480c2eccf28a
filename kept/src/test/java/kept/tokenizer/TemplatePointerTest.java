package kept.tokenizer;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.checkpoint.CheckpointException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemplatePointerTest {
    @TempDir
    private Path directory;

    @Test
    void gitLfsPointerIsNoTemplate() throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 29\n");
        var e = assertThrows(CheckpointException.class, () -> TokenizerFiles.requireWithin(directory));
        assertTrue(e.getMessage().contains("chat_template.jinja: is a pointer of Git LFS"), e.getMessage());
    }

    @Test
    void otherTextsAreTemplates() throws IOException {
        for (String template : new String[] {"", "<html>{{ messages[0].content }}", "404"}) {
            Files.writeString(directory.resolve("chat_template.jinja"), template);
            assertDoesNotThrow(() -> TokenizerFiles.requireWithin(directory), template);
        }
    }
}
