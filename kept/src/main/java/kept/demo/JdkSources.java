package kept.demo;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import kept.corpus.Corpus;
import kept.corpus.Document;
import kept.corpus.DocumentReader;
import kept.corpus.PassedOver;
import kept.corpus.TextExtent;

/**
 * The source archive of a JDK as two corpora: the prose of its documentation comments, and its code with all comments removed. A document is
 * what one file gives, named by the file's path, so that holding out documents by name holds the same files out of both.
 *
 * <p>Files come in an order that their paths fix but that follows no alphabet: the first million tokens are like any other. Left out are
 * tables: locale data, character sets, resources, and files made mostly of numbers.
 */
public final class JdkSources {
    private static final List<String> TABLES = List.of("jdk.localedata/", "jdk.charsets/", "/resources/", "/sun/nio/cs/", "/internal/icu/");
    /** Files with a larger share of digits are tables of numbers in the form of code. */
    private static final double MAX_DIGITS = 0.15;
    private static final String SHIPPED = "commons-lang3-3.20.0-sources.jar";
    private static final int SHORTEST = 200;
    private static final double HELD_OUT = 0.02;
    private static final double HELD_OUT_OF_FEW = 0.1;

    private final SourceArchive.Opener archive;
    private final Predicate<String> selected;
    private final String name;
    private final boolean shipped;

    private JdkSources(SourceArchive.Opener archive, Predicate<String> selected, String name, boolean shipped) {
        this.archive = archive;
        this.selected = selected;
        this.name = name;
        this.shipped = shipped;
    }

    /**
     * The sources of the running JDK, or, where it was installed without {@code lib/src.zip}, a small archive that comes with this project.
     * {@link #shipped()} and {@link #description()} say which.
     *
     * @return the sources
     */
    public static JdkSources find() {
        return ofJdk(Path.of(System.getProperty("java.home"))).orElseGet(JdkSources::ofShipped);
    }

    /**
     * The sources of a JDK.
     *
     * @param home the JDK's directory
     * @return its sources, or nothing where there is no {@code lib/src.zip}
     */
    public static Optional<JdkSources> ofJdk(Path home) {
        Path file = home.resolve("lib").resolve("src.zip");
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        return Optional.of(new JdkSources(() -> SourceArchive.of(file), JdkSources::isSelected, "JDK " + Runtime.version(), false));
    }

    /**
     * The sources that come with this project: Apache Commons Lang, as its makers published it (Apache License 2.0, inside the archive).
     *
     * @return the sources
     */
    public static JdkSources ofShipped() {
        return new JdkSources(() -> SourceArchive.of(Objects.requireNonNull(JdkSources.class.getResourceAsStream(SHIPPED), SHIPPED)),
                path -> true, SHIPPED, true);
    }

    private static boolean isSelected(String path) {
        return TABLES.stream().noneMatch(path::contains);
    }

    /**
     * The text of documentation comments, without markup and examples. Text that a file repeats occurs once.
     *
     * @return the corpus; a paragraph is a line, paragraphs are parted by an empty line
     */
    public Corpus prose() {
        return corpus("prose", source -> source.documentation().stream().flatMap(comment -> JavadocProse.paragraphs(comment).stream())
                .distinct().collect(Collectors.joining("\n\n", "", "\n")));
    }

    /**
     * The code as it was written, without comments.
     *
     * @return the corpus
     */
    public Corpus code() {
        return corpus("code", JavaSource::code);
    }

    /**
     * Whether this is the small archive that comes with the project, for want of a JDK's own.
     *
     * @return true if so
     */
    public boolean shipped() {
        return shipped;
    }

    /**
     * The share of the files that nothing here is trained on, neither vocabulary nor teacher nor student: for {@link Corpus#heldOut} and
     * {@link Corpus#training}.
     *
     * @return 0.02, or 0.1 of the small archive
     */
    public double heldOutFraction() {
        return shipped ? HELD_OUT_OF_FEW : HELD_OUT;
    }

    /**
     * A short description of the text's origin.
     *
     * @return the words
     */
    public String description() {
        return shipped ? "the small source archive shipped with this project (" + name + "), as this Java has no lib/src.zip"
                : "the sources of " + name;
    }

    private Corpus corpus(String kind, Function<JavaSource, String> text) {
        return new SourceCorpus(archive, selected, text, kind + " of " + name);
    }

    /**
     * The files of one domain. Files are held out by their names before they are read, so that a small part costs little.
     *
     * @param archive the sources
     * @param selected which of its files
     * @param text what is taken from a file
     * @param description what this is
     */
    private record SourceCorpus(SourceArchive.Opener archive, Predicate<String> selected, Function<JavaSource, String> text, String description)
            implements Corpus {

        @Override
        public DocumentReader open() {
            return new Reader(archive.open(), selected, text);
        }

        @Override
        public boolean isShuffled() {
            return true;
        }

        @Override
        public Corpus heldOut(double fraction) {
            return new SourceCorpus(archive, selected.and(name -> Corpus.isHeldOut(name, fraction)), text, "held-out files of the " + description);
        }

        @Override
        public Corpus training(double fraction) {
            return new SourceCorpus(archive, selected.and(name -> !Corpus.isHeldOut(name, fraction)), text, description);
        }
    }

    /** One text for each selected file that gives more than a few words. */
    private static final class Reader implements DocumentReader {
        private final SourceArchive archive;
        private final List<String> names;
        private final Function<JavaSource, String> text;
        private final long allBytes;
        private int begun;
        private long bytes;

        Reader(SourceArchive archive, Predicate<String> selected, Function<JavaSource, String> text) {
            this.archive = archive;
            this.names = archive.names().stream().filter(selected)
                    .sorted(Comparator.comparingLong(Reader::place).thenComparing(Comparator.naturalOrder())).toList();
            this.allBytes = names.stream().mapToLong(archive::size).sum();
            this.text = text;
        }

        private static long place(String name) {
            var crc = new CRC32();
            crc.update(name.getBytes(StandardCharsets.UTF_8));
            return crc.getValue();
        }

        @Override
        public Document next() {
            while (begun < names.size()) {
                String name = names.get(begun++);
                bytes += archive.size(name);
                String content = text.apply(JavaSource.parse(archive.read(name)));
                if (content.length() >= SHORTEST && content.chars().filter(Character::isDigit).count() <= MAX_DIGITS * content.length()) {
                    return new Document(name, content);
                }
            }
            return null;
        }

        @Override
        public TextExtent extent() {
            return new TextExtent(begun, names.size(), bytes, allBytes, PassedOver.NONE);
        }

        @Override
        public void close() {
            archive.close();
        }
    }
}
