package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemplatePointerTest {
    @TempDir
    private Path directory;

    @Test
    void gitLfsPointerIsNoTemplate() throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 29\n");
        assertThatThrownBy(() -> TokenizerFiles.requireWithin(directory)).isInstanceOf(TokenizerException.class)
                .hasMessageContaining("chat_template.jinja: is a pointer of Git LFS");
    }

    @Test
    void otherTextsAreTemplates() throws IOException {
        for (String template : new String[] {"", "<html>{{ messages[0].content }}", "404"}) {
            Files.writeString(directory.resolve("chat_template.jinja"), template);
            assertThatCode(() -> TokenizerFiles.requireWithin(directory)).as(template).doesNotThrowAnyException();
        }
    }
}
