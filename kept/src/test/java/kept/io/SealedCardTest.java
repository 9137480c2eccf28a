package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A card and its licences belong to the programs as long as nobody has changed them. */
class SealedCardTest {
    @TempDir
    private Path directory;

    @BeforeEach
    void write() {
        var licences = new LinkedHashMap<>(Map.of("LICENSE", "all rights".getBytes(StandardCharsets.UTF_8)));
        SealedCard.write(directory, "---\nlicense: other\n---\n\n# Model \u00e4", licences);
    }

    @Test
    void whatWasWrittenIsOwnAndMayBeDeleted() throws IOException {
        assertThat(directory.resolve("README.md")).content().startsWith("---\nlicense: other\n---\n\n# Model \u00e4\n<!-- written by kept, ")
                .endsWith(" -->\n");
        assertThat(directory.resolve("LICENSE")).hasContent("all rights");
        assertThat(OwnFiles.CHECKPOINT.firstForeign(directory)).isEmpty();
        OwnFiles.CHECKPOINT.delete(directory);
        assertThat(directory).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"# mine", "", "---\n---\n<!-- written by kept, checksums: README.md 0123456789abcdef -->\n"})
    void aCardOfTheUserIsForeign(String text) throws IOException {
        Files.writeString(directory.resolve("README.md"), text);
        assertForeign("LICENSE");
        Files.delete(directory.resolve("LICENSE"));
        assertForeign("README.md");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a word more\n", "\n"})
    void aCardThatWasChangedIsForeign(String more) throws IOException {
        Path card = directory.resolve("README.md");
        String text = Files.readString(card);
        Files.writeString(card, text + more);
        Files.delete(directory.resolve("LICENSE"));
        assertForeign("README.md");
        Files.writeString(card, more + text);
        assertForeign("README.md");
        Files.writeString(card, text.replace("Model", "My model"));
        assertForeign("README.md");
        Files.writeString(card, text);
        assertThat(OwnFiles.CHECKPOINT.firstForeign(directory)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"LICENSE", "NOTICE", "LICENSE.md"})
    void aLicenceThatWasAddedOrChangedIsForeign(String name) throws IOException {
        Files.writeString(directory.resolve(name), "of the user");
        assertForeign(name);
    }

    private void assertForeign(String name) throws IOException {
        assertThat(OwnFiles.CHECKPOINT.firstForeign(directory)).contains(directory.resolve(name));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OwnFiles.CHECKPOINT.delete(directory)).withMessageContaining("holds " + name);
        assertThat(directory.resolve(name)).exists();
    }

    /** A killed run leaves half of what it wrote, in a place of its own. */
    @Test
    void anUnfinishedDirectoryMayHoldThemInAnyState() throws IOException {
        Path partial = Files.createDirectories(directory.resolve("out.partial"));
        Path files = Files.createDirectories(partial.resolve("files"));
        Files.writeString(partial.resolve("journal.json"), "{}");
        Files.writeString(files.resolve("LICENSE"), "half");
        Files.writeString(AtomicFiles.temporary(files.resolve("README.md")), "half");
        assertThat(OwnFiles.UNFINISHED.firstForeign(partial)).isEmpty();
        assertThat(OwnFiles.LEFTOVERS.firstForeign(files)).isEmpty();
        Files.writeString(files.resolve("notes.md"), "of the user");
        assertThat(OwnFiles.UNFINISHED.firstForeign(partial)).contains(files.resolve("notes.md"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"LICENSE", "LICENCE", "license.txt", "LICENSE-2.0.md", "ModelsCommunityLicenseAgreement", "COPYING", "NOTICE.md",
        "USE_POLICY.md", "Orion License.pdf"})
    void namesOfLicences(String name) {
        assertThat(SealedCard.isLicence(name)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"license.json", "license.py", "README.md", "model-license.safetensors", "licen", "a/LICENSE", "notes.txt", "LICENSE\nb"})
    void namesOfOtherFiles(String name) {
        assertThat(SealedCard.isLicence(name)).isFalse();
    }
}
