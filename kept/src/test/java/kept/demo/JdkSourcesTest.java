package kept.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import kept.corpus.Corpus;
import kept.corpus.Document;
import kept.corpus.DocumentReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JdkSourcesTest {
    @TempDir
    private Path home;

    @Test
    void aJdkWithoutASourceArchiveGivesNothing() {
        assertThat(JdkSources.ofJdk(home)).isEmpty();
    }

    @Test
    void tablesAndScrapsAreLeftOut() throws IOException {
        String prose = "/** A sentence that says what this does and that is quite long, so that it is taken. " + "More of it. ".repeat(20) + "*/\n";
        String code = "class A { void method() { statement(); } }\n".repeat(8);
        archive("java.base/a/A.java", prose + code, "jdk.localedata/b/B.java", prose + code, "java.base/sun/nio/cs/C.java", prose + code,
                "java.base/d/Table.java", prose + "int[] table = {1234567890, 1234567890};\n".repeat(20), "java.base/e/Small.java", "class Small { }",
                "java.base/f/readme.txt", prose);
        JdkSources sources = JdkSources.ofJdk(home).orElseThrow();
        assertThat(sources.shipped()).isFalse();
        assertThat(read(sources.code())).containsExactly(new Document("java.base/a/A.java", code));
        assertThat(read(sources.prose())).extracting(Document::name).containsExactlyInAnyOrder("java.base/a/A.java", "java.base/d/Table.java");
        assertThat(read(sources.prose())).extracting(Document::text)
                .allSatisfy(text -> assertThat(text).startsWith("A sentence that says").endsWith("More of it.\n"));
    }

    @Test
    void theOrderIsAlwaysTheSameButNotAlphabetical() throws IOException {
        var content = new ArrayList<String>();
        for (int i = 10; i < 40; i++) {
            content.addAll(List.of("java.base/a/A" + i + ".java", "class A { void method() { statement(); } }\n".repeat(8)));
        }
        archive(content.toArray(String[]::new));
        JdkSources sources = JdkSources.ofJdk(home).orElseThrow();
        List<Document> documents = read(sources.code());
        assertThat(documents).hasSize(30).isEqualTo(read(sources.code()));
        assertThat(documents).extracting(Document::name).isNotEqualTo(documents.stream().map(Document::name).sorted().toList());
    }

    @Test
    void theSameFilesAreHeldOutOfBothDomains() {
        JdkSources sources = JdkSources.ofShipped();
        double fraction = sources.heldOutFraction();
        List<String> prose = read(sources.prose().heldOut(fraction)).stream().map(Document::name).toList();
        List<String> trainedCode = read(sources.code().training(fraction)).stream().map(Document::name).toList();
        assertThat(prose).isNotEmpty().doesNotContainAnyElementsOf(trainedCode);
    }

    @Test
    void theShippedArchiveGivesBothDomainsAndSaysSo() {
        JdkSources sources = JdkSources.ofShipped();
        assertThat(sources.shipped()).isTrue();
        assertThat(sources.description()).contains("commons-lang3").contains("no lib/src.zip");
        assertThat(characters(sources.prose())).isGreaterThan(500_000);
        assertThat(characters(sources.code())).isGreaterThan(1_000_000);
        assertThat(characters(sources.prose().heldOut(sources.heldOutFraction()))).isGreaterThan(30_000);
        assertThat(characters(sources.code().heldOut(sources.heldOutFraction()))).isGreaterThan(30_000);
    }

    @Test
    void proseIsFreeOfMarkupAndCodeOfComments() {
        JdkSources sources = JdkSources.ofShipped();
        assertThat(read(sources.prose())).filteredOn(document -> document.text().contains("{@code") || document.text().contains("<p>"))
                .extracting(Document::name).isEmpty();
        assertThat(read(sources.code())).filteredOn(document -> document.text().contains("Licensed to the") || document.text().contains("/**"))
                .extracting(Document::name).isEmpty();
    }

    private void archive(String... namesAndContents) throws IOException {
        Path lib = Files.createDirectories(home.resolve("lib"));
        try (var zip = new ZipOutputStream(Files.newOutputStream(lib.resolve("src.zip")))) {
            for (int i = 0; i < namesAndContents.length; i += 2) {
                zip.putNextEntry(new ZipEntry(namesAndContents[i]));
                zip.write(namesAndContents[i + 1].getBytes(StandardCharsets.UTF_8));
                zip.closeEntry();
            }
        }
    }

    private static long characters(Corpus corpus) {
        return read(corpus).stream().mapToLong(document -> document.text().length()).sum();
    }

    private static List<Document> read(Corpus corpus) {
        List<Document> documents = new ArrayList<>();
        try (DocumentReader reader = corpus.open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
        }
        return documents;
    }
}
