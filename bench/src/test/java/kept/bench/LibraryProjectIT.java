package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The project of docs/library.md, extracted from that page, built by the Maven that runs this build and run on the artifacts of this build. They are
 * installed into a repository below {@code target}, which takes everything else from the user's repository before it asks the network.
 */
class LibraryProjectIT {
    private static final String VERSION = System.getProperty("kept.version");
    private static final Path ROOT = Path.of("..");
    private static final Path REPOSITORY = Path.of("target", "library-repository").toAbsolutePath();
    private static final Path MODULES = ROOT.resolve("kept/target/modules");
    private static final Path TOKENIZER = ROOT.resolve("kept/src/main/resources/kept/demo/tokenizer.model");
    private static final int HIDDEN_SIZE = 32;
    /** What only the programs need, and the CUDA backend, which a user adds. */
    private static final Pattern NOT_IN_A_LIBRARY = Pattern.compile(
            "(kept-command-line|kept-cuda-kernels|picocli|progressbar|jline-.*|slf4j-nop|slf4j-jdk-platform-logging)-[0-9].*");

    private static String page;
    private static Path inputs;

    @TempDir
    private Path project;

    @BeforeAll
    static void install(@TempDir Path shared) throws IOException, InterruptedException {
        page = Files.readString(ROOT.resolve("docs/library.md"));
        install("kept-parent", ROOT.resolve("pom.xml"), null);
        for (String module : List.of("core", "command-line", "cuda-kernels", "kept")) {
            String artifact = module.equals("kept") ? module : "kept-" + module;
            install(artifact, ROOT.resolve(module).resolve("pom.xml"), MODULES.resolve("%s-%s.jar".formatted(artifact, VERSION)));
        }
        inputs = shared;
        Path seed = Files.createDirectories(shared.resolve("tokenizer"));
        Files.copy(TOKENIZER, seed.resolve("tokenizer.model"));
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        run(shared, Path.of(System.getProperty("java.home")), List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", classPath, "kept.Main", "pretrain",
                "--random", "--tokenizer", seed.toString(), "--output", shared.resolve("orion").toString(), "--hidden-size", "" + HIDDEN_SIZE,
                "--layers", "2", "--heads", "2", "--intermediate-size", "48", "--positions", "256"));
        Files.copy(ROOT.resolve("docs/checkpoints.md"), shared.resolve("text.txt"));
        Files.copy(ROOT.resolve("CONTRIBUTING.md"), shared.resolve("held-out.txt"));
    }

    private static void install(String artifact, Path pom, Path jar) throws IOException {
        Path directory = Files.createDirectories(REPOSITORY.resolve("kept").resolve(artifact).resolve(VERSION));
        Files.copy(pom, directory.resolve("%s-%s.pom".formatted(artifact, VERSION)), StandardCopyOption.REPLACE_EXISTING);
        if (jar != null) {
            Files.copy(jar, directory.resolve("%s-%s.jar".formatted(artifact, VERSION)), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @BeforeEach
    void write() throws IOException {
        try (Stream<Path> files = Files.walk(inputs)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path copy = project.resolve(inputs.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy);
                }
            }
        }
        Path source = Files.createDirectories(project.resolve("src/main/java/demo"));
        Files.writeString(source.resolve("Main.java"), block("java", "package demo;"));
        // Repositories of the settings come before Maven Central.
        Files.writeString(project.resolve("settings.xml"), """
                <settings>
                    <profiles>
                        <profile>
                            <id>local</id>
                            <repositories>
                                <repository><id>local</id><url>%1$s</url><snapshots><enabled>false</enabled></snapshots></repository>
                            </repositories>
                            <pluginRepositories>
                                <pluginRepository><id>local</id><url>%1$s</url><snapshots><enabled>false</enabled></snapshots></pluginRepository>
                            </pluginRepositories>
                        </profile>
                    </profiles>
                    <activeProfiles><activeProfile>local</activeProfile></activeProfiles>
                </settings>
                """.formatted(Path.of(System.getProperty("kept.repository")).toUri()));
    }

    @Test
    void runsOnTheClassPathWithTheVersionsThatAreTestedHere() throws IOException, InterruptedException {
        Files.writeString(project.resolve("pom.xml"), pom());
        String printed = maven("compile", "exec:exec",
                "org.apache.maven.plugins:maven-dependency-plugin:%s:build-classpath".formatted(System.getProperty("kept.dependency.plugin")),
                "-Dmdep.outputFile=" + project.resolve("classpath"));
        expectResults(printed);
        Set<String> resolved = Stream.of(Files.readString(project.resolve("classpath")).split(":"))
                .map(entry -> Path.of(entry).getFileName().toString()).collect(Collectors.toSet());
        try (Stream<Path> tested = Files.list(MODULES)) {
            assertThat(resolved).containsExactlyInAnyOrderElementsOf(tested.map(jar -> jar.getFileName().toString())
                    .filter(jar -> !NOT_IN_A_LIBRARY.matcher(jar).matches()).toList());
        }
    }

    @Tag("thorough")
    @Test
    void runsOnTheModulePath() throws IOException, InterruptedException {
        Files.writeString(project.resolve("src/main/java/module-info.java"), block("java", "module demo {"));
        String arguments = block("xml", "                    <arguments>");
        String pom = pom().replaceFirst("(?s) *<arguments>.*</arguments>\n", Matcher.quoteReplacement(arguments));
        assertThat(pom).contains("<modulepath/>").doesNotContain("<classpath/>");
        Files.writeString(project.resolve("pom.xml"), pom);
        expectResults(maven("compile", "exec:exec"));
    }

    @Test
    void theReadmeNamesTheVersion() throws IOException {
        assertThat(Files.readString(ROOT.resolve("README.md"))).contains("`kept:kept-core:%s`".formatted(VERSION),
                "`kept:kept:%s`".formatted(VERSION));
    }

    @Test
    void thePageNamesTheTestedVersionOfTheSilentProvider() throws IOException {
        try (Stream<Path> jars = Files.list(MODULES)) {
            String jar = jars.map(path -> path.getFileName().toString()).filter(name -> name.startsWith("slf4j-nop-")).findFirst().orElseThrow();
            assertThat(page).contains("`org.slf4j:slf4j-nop:%s`".formatted(jar.substring("slf4j-nop-".length(), jar.length() - ".jar".length())));
        }
    }

    private void expectResults(String printed) throws IOException {
        assertThat(printed).containsPattern("(?m)^continuation: .+")
                .containsPattern("(?m)^logits \\[1, [2-9], \\d{4,}\\], hidden states \\[1, [2-9], %d\\]$".formatted(HIDDEN_SIZE));
        MatchResult sizes = Pattern.compile("(?m)^KL (\\S+), GGUF of (\\d+) bytes$").matcher(printed).results().findFirst().orElseThrow();
        assertThat(Double.parseDouble(sizes.group(1))).isBetween(0.0, 0.5);
        assertThat(Long.parseLong(sizes.group(2))).isEqualTo(Files.size(project.resolve("llama.gguf"))).isPositive();
        assertThat(Pattern.compile("(?m)^step (\\d) of 8: KL [0-9].*$").matcher(printed).results().map(step -> step.group(1)))
                .containsExactly("1", "2", "3", "4", "5", "6", "7", "8");
        for (String directory : List.of("llama", "llama-xkd")) {
            assertThat(project.resolve(directory).resolve("model.safetensors")).isNotEmptyFile();
            assertThat(project.resolve(directory).resolve("README.md")).content().contains("| written by | `kept %s` |".formatted(VERSION));
        }
    }

    private static String pom() {
        return block("xml", "<project ");
    }

    /** The block of the page that starts with a text. */
    private static String block(String language, String start) {
        int begin = page.indexOf("```" + language + "\n" + start);
        assertThat(begin).as(start).isNotNegative();
        int first = page.indexOf('\n', begin) + 1;
        return page.substring(first, page.indexOf("```\n", first));
    }

    private String maven(String... goals) throws IOException, InterruptedException {
        return run(project, Path.of(System.getProperty("kept.maven.java")), Stream.concat(
                Stream.of(Path.of(System.getProperty("kept.maven"), "bin", "mvn").toString(), "-B", "-q", "-gs", "settings.xml",
                        "-Dmaven.repo.local=" + REPOSITORY),
                Stream.of(goals)).toList());
    }

    /** Runs a command and returns its output. */
    private static String run(Path directory, Path java, List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(directory, "output", ".txt");
        var builder = new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("JAVA_HOME", java.toString());
        // Maven's script takes options of the build that runs these tests from there.
        builder.environment().keySet().removeAll(Set.of("MAVEN_OPTS", "MAVEN_ARGS", "MAVEN_CONFIG", "MAVEN_PROJECTBASEDIR"));
        builder.environment().put("MAVEN_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"); // Its run is mostly start-up.
        Process process = builder.start();
        if (!process.waitFor(300, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        String printed = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as("%s%n%s", String.join(" ", command), printed).isZero();
        return printed;
    }
}
