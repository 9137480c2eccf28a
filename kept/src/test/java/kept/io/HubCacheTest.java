package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models are found in the Hugging Face cache by the rules of huggingface_hub. */
class HubCacheTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
    private static final String OTHER = "89abcdef0123456789abcdef0123456789abcdef";

    @TempDir
    private Path root;

    private HubCache cache;
    private Path folder;

    @BeforeEach
    void fill() throws IOException {
        cache = new HubCache(root);
        folder = root.resolve("models--OrionStarAI--Orion-14B-Base");
        for (String commit : new String[] {COMMIT, OTHER}) {
            Files.createDirectories(folder.resolve("snapshots").resolve(commit));
        }
        reference("main", COMMIT + "\n");
        reference("v1.0", OTHER);
        reference("refs/pr/3", OTHER);
    }

    private void reference(String name, String commit) throws IOException {
        Path file = folder.resolve("refs").resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, commit);
    }

    @ParameterizedTest
    @CsvSource({
        "OrionStarAI/Orion-14B-Base, 0123", "OrionStarAI/Orion-14B-Base@main, 0123", "OrionStarAI/Orion-14B-Base@v1.0, 89ab",
        "OrionStarAI/Orion-14B-Base@refs/pr/3, 89ab", "OrionStarAI/Orion-14B-Base@" + OTHER + ", 89ab",
        "OrionStarAI/Orion-14B-Base@89abcde, 89ab", "https://huggingface.co/OrionStarAI/Orion-14B-Base, 0123",
        "https://hf.co/OrionStarAI/Orion-14B-Base/, 0123", "https://huggingface.co/OrionStarAI/Orion-14B-Base/tree/v1.0, 89ab",
    })
    void aNameIsTheSnapshotOfItsRevision(String name, String commit) {
        assertThat(cache.find(Path.of(name))).isDirectory().hasParent(folder.resolve("snapshots"))
                .satisfies(found -> assertThat(found.getFileName().toString()).startsWith(commit));
    }

    @Test
    void aFolderOfAnyCacheIsItsSnapshot() {
        var elsewhere = new HubCache(root.resolve("none"));
        assertThat(elsewhere.find(folder)).isEqualTo(folder.resolve("snapshots").resolve(COMMIT));
        assertThat(elsewhere.find(folder.resolveSibling(folder.getFileName() + "@v1.0"))).isEqualTo(folder.resolve("snapshots").resolve(OTHER));
    }

    @ParameterizedTest
    @ValueSource(strings = {"orion", "./a/b", "../a", "a/b/c", "/a/b", "a/-b", "a/b ", "models--a--b", "~/orion", "https://a.b/c/d"})
    void whatIsNoNameStaysAsItIs(String path) {
        assertThat(cache.find(Path.of(path))).isEqualTo(Path.of(path));
    }

    @Test
    void aDirectoryComesBeforeAName() throws IOException {
        Path here = Files.createTempDirectory(Path.of(""), "OrionStarAI");
        try {
            Path local = Files.createDirectory(here.resolve("Orion-14B-Base"));
            Path link = root.resolve("models--" + here + "--Orion-14B-Base");
            Files.createSymbolicLink(link, folder);
            assertThat(cache.find(local)).isEqualTo(local);
            Files.delete(local);
            assertThat(cache.find(local)).isEqualTo(link.resolve("snapshots").resolve(COMMIT));
        } finally {
            Files.deleteIfExists(here.resolve("Orion-14B-Base"));
            Files.delete(here);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "OrionStarAI/Orion-14B-Chat | no such model in the Hugging Face cache ROOT; fetch it with: hf download OrionStarAI/Orion-14B-Chat",
        "a/b@v2 | no such model in the Hugging Face cache ROOT; fetch it with: hf download a/b --revision v2",
        "OrionStarAI/Orion-14B-Base@v2 | has no revision v2 of it (it has main, refs, v1.0, COMMIT, OTHER); "
            + "fetch it with: hf download OrionStarAI/Orion-14B-Base --revision v2",
        "OrionStarAI/Orion-14B-Base@89abcd | has no revision 89abcd of it", "OrionStarAI/Orion-14B-Base@89abcdf | has no revision 89abcdf of it",
        "OrionStarAI/Orion-14B-Base@../../x | is not a revision", "OrionStarAI/Orion-14B-Base@. | is not a revision",
        "OrionStarAI/Orion-14B-Base@ | is not a revision", "OrionStarAI/Orion-14B-Base@/etc | is not a revision",
    })
    void whatTheCacheLacksIsNamedWithTheCommandThatFetchesIt(String name, String message) {
        String expected = message.replace("ROOT", root.toString()).replace("COMMIT", COMMIT).replace("OTHER", OTHER);
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(Path.of(name))).withMessageStartingWith("[hub] " + name)
                .withMessageContaining(expected);
    }

    @Test
    void aBrokenReferenceIsNamed() throws IOException {
        reference("main", "../../../etc");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(folder)).withMessageContaining("refs/main")
                .withMessageContaining("holds no commit; fetch it again with: hf download OrionStarAI/Orion-14B-Base");
        reference("main", "f".repeat(40));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(folder))
                .withMessageContaining("has no revision main of it (it has refs, v1.0, " + COMMIT);
        Files.delete(folder.resolve("refs/main"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(folder)).withMessageContaining("has no revision main");
    }

    @ParameterizedTest
    @CsvSource({
        "'', /home/me/.cache/huggingface/hub", "HF_HUB_CACHE=/a, /a", "HUGGINGFACE_HUB_CACHE=/b, /b", "HF_HUB_CACHE=/a HUGGINGFACE_HUB_CACHE=/b, /a",
        "HF_HOME=/c, /c/hub", "HF_HOME=~/c, /home/me/c/hub", "XDG_CACHE_HOME=/d, /d/huggingface/hub", "XDG_CACHE_HOME=/d HF_HOME=/c, /c/hub",
        "HF_HUB_CACHE= HF_HOME=/c, /c/hub", "HF_HUB_CACHE=~, /home/me",
        "HOME=/e, /e/.cache/huggingface/hub", "HOME=/e HF_HOME=~/c, /e/c/hub", "HOME= HF_HOME=~/c, /home/me/c/hub",
        "S=/s HF_HOME=$S/c, /s/c/hub", "S=/s HF_HUB_CACHE=${S}2/c, /s2/c", "S=/s XDG_CACHE_HOME=$S/d, /s/d/huggingface/hub",
        "HF_HOME=/a/$NONE/${NONE}/$, /a/$NONE/${NONE}/$/hub", "S=$T/x HF_HOME=/a/$S, /a/$T/x/hub",
    })
    void theCacheIsWhereTheEnvironmentSays(String variables, Path expected) {
        Map<String, String> environment = Arrays.stream(variables.split(" ")).filter(variable -> !variable.isEmpty())
                .collect(Collectors.toMap(variable -> variable.split("=")[0], variable -> variable.substring(variable.indexOf('=') + 1)));
        assertThat(HubCache.root(environment, Path.of("/home/me"))).isEqualTo(expected);
    }

    @Test
    void aSnapshotKnowsItsName() {
        assertThat(HubCache.nameOf(folder.resolve("snapshots").resolve(COMMIT))).contains("OrionStarAI/Orion-14B-Base");
        assertThat(HubCache.nameOf(folder)).isEmpty();
        assertThat(HubCache.nameOf(root)).isEmpty();
        assertThat(HubCache.nameOf(Path.of("/"))).isEmpty();
    }

    /** A download that ended before its first file leaves a folder without snapshots. */
    @Test
    void aFolderWithoutSnapshotsIsNamedWithTheCommandThatFetchesThem() throws IOException {
        Path begun = Files.createDirectories(root.resolve("models--a--b/blobs")).getParent();
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(begun))
                .withMessageEndingWith("has no revision main of it (and none at all); fetch it with: hf download a/b");
    }

    /** Two commits with the same beginning are two models. */
    @Test
    void anAbbreviationOfSeveralCommitsIsNone() throws IOException {
        Files.createDirectory(folder.resolve("snapshots").resolve("0123456" + "f".repeat(33)));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> cache.find(Path.of("OrionStarAI/Orion-14B-Base@0123456")))
                .withMessageContaining("has no revision 0123456 of it");
        assertThat(cache.find(Path.of("OrionStarAI/Orion-14B-Base@01234567"))).isEqualTo(folder.resolve("snapshots").resolve(COMMIT));
    }

    @Test
    void aFileOfASnapshotHasAPage() {
        Path snapshot = folder.resolve("snapshots").resolve(COMMIT);
        assertThat(HubCache.pageOf(snapshot.resolve("docs/LICENSE")))
                .contains("https://huggingface.co/OrionStarAI/Orion-14B-Base/blob/" + COMMIT + "/docs/LICENSE");
        assertThat(HubCache.pageOf(root.resolve("LICENSE"))).isEmpty();
    }

    /** What is missing in a snapshot, or a link whose blob is gone, is named with the command too. */
    @Test
    void aFileThatASnapshotLacksIsNamedWithTheCommandThatFetchesIt() throws IOException {
        Path snapshot = folder.resolve("snapshots").resolve(COMMIT);
        String remedy = "fetch what is missing with: hf download OrionStarAI/Orion-14B-Base --revision " + COMMIT;
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> InputFiles.text("config", snapshot.resolve("config.json")))
                .withMessageEndingWith("no such file or directory; " + remedy);
        Files.createSymbolicLink(snapshot.resolve("config.json"), Path.of("../../blobs/0"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> InputFiles.text("config", snapshot.resolve("config.json")))
                .withMessageEndingWith("it is a broken link to ../../blobs/0: is the download complete?; " + remedy);
    }
}
